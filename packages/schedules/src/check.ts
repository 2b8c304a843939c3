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
    if (!(Number.isFinite(value) && value >= least && value <= most && !(isInteger && value % 1))) {
      const kind = isInteger ? 'an integer' : 'a finite number';
      throw new RangeError(
        `${call}: ${name} is ${shown(value)}, expected ${kind} in [${least}, ${most}].`,
      );
    }
  }
}

/** Throws unless the value is one of the words. */
export function checkWord(call: string, name: string, value: string, ...words: string[]): void {
  if (!words.includes(value)) {
    throw new RangeError(`${call}: ${name} is ${shown(value)}, expected ${words.join(' or ')}.`);
  }
}

/** Throws unless the value is a function. */
export function checkFunction(call: string, name: string, value: unknown): void {
  if (typeof value !== 'function') {
    throw new TypeError(`${call}: ${name} is ${shown(value)}, expected a function.`);
  }
}

/** The options. Throws unless they are an object. */
export function given<Options>(call: string, options: Options): Options {
  if (typeof options === 'object' && options !== null) return options;
  throw new TypeError(`${call}: the options are ${shown(options)}, expected an object.`);
}

/** The members of a list. One of holes is refused at the first: it may have billions. */
export function listOf<T>(call: string, name: string, list: readonly T[]): readonly T[] {
  const own: T[] = [];
  if (Array.isArray(list)) {
    for (const each of list as readonly T[]) if (own.push(each) > 0 && each === undefined) break;
    return own;
  }
  throw new TypeError(`${call}: ${name} is ${shown(list)}, expected a list.`);
}

/** What JavaScript passes may be an object that has no text. */
function shown(value: unknown): string {
  return value !== null && typeof value === 'object' ? 'an object' : String(value);
}
