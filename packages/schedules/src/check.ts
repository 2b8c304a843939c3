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
        `${call}: ${name} is ${value}, expected ${kind} in [${least}, ${most}].`,
      );
    }
  }
}

/** Throws unless the value is one of the words. */
export function checkWord(call: string, name: string, value: string, ...words: string[]): void {
  if (!words.includes(value)) {
    throw new RangeError(`${call}: ${name} is ${value}, expected ${words.join(' or ')}.`);
  }
}

/** Throws unless the value is a function. */
export function checkFunction(call: string, name: string, value: unknown): void {
  if (typeof value !== 'function') {
    throw new TypeError(`${call}: ${name} is ${String(value)}, expected a function.`);
  }
}
