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
      `${isInteger ? 'an integer' : 'a finite number'} in [${least}, ${most}]`,
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

/** The options. Throws unless they are an object. */
export function given<Options>(call: string, options: Options): Options {
  ensure(Object(options) === options, call, 'options', options, 'an object', TypeError);
  return options;
}

/** The members of a list. One of holes is refused at the first: it may have billions. */
export function listOf<T>(call: string, name: string, list: readonly T[]): readonly T[] {
  ensure(Array.isArray(list), call, name, list, 'a list', TypeError);
  const own: T[] = [];
  for (const each of list) if (own.push(each) > 0 && each === undefined) break;
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
  const found = Object(value) === value ? typeof value : String(value);
  throw new Failure(`${call}: ${name} is ${found}, expected ${expected}.`);
}
