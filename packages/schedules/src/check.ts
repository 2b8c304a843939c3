// Checks of arguments. They are short because every schedule includes them.

/** Throws unless all values are finite numbers, or integers, from `least` to `most`. */
export function check(
  call: string,
  values: Readonly<Record<string, number>>,
  least = 0,
  most: number = Infinity,
  isInteger?: boolean,
): void {
  for (const name in values) {
    const value = values[name] as number;
    ensure(
      Number.isFinite(value) && value >= least && value <= most && !(isInteger && value % 1),
      call,
      name,
      value,
      `a finite ${isInteger ? 'integer' : 'number'} in [${least}, ${most}]`,
    );
  }
}

/** Throws unless the value is one of the words. */
export function checkWord(call: string, name: string, value: string, ...words: string[]): void {
  ensure(words.includes(value), call, name, value, words.join(' or '));
}

/** Throws unless the value is a function. */
export function checkFunction(call: string, name: string, value: unknown): void {
  ensure(typeof value === 'function', call, name, value, 'a function', TypeError);
}

/** Throws if there are options that are not known. */
export function refuseOthers(call: string, others: object): void {
  for (const name in others) throw new TypeError(`${call} has no option ${name}.`);
}

/** The value. Throws unless it is an object. */
export function requireObject<Value>(call: string, name: string, value: Value): Value {
  ensure(Object(value) === value, call, name, value, 'an object', TypeError);
  return value;
}

/** The members of a list. */
export function listOf<T>(call: string, name: string, list: readonly T[]): readonly T[] {
  ensure(Array.isArray(list), call, name, list, 'a list', TypeError);
  const own: T[] = [];
  // A sparse array is refused at its first hole, since it may be billions long.
  for (const each of list) {
    ensure(each !== undefined, call, `${name}[${own.length}]`, each, 'a value', TypeError);
    own.push(each);
  }
  return own;
}

function ensure(
  holds: boolean,
  call: string,
  name: string,
  value: unknown,
  expected: string,
  Failure: new (message: string) => Error = RangeError,
): void {
  if (holds) return;
  // What JavaScript passes may be an object that has no text.
  const found = Object(value) === value ? 'an object' : String(value);
  throw new Failure(`${call}: ${name} is ${found}, expected ${expected}.`);
}
