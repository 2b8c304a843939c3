// Refusals of arguments that are not what they should be: what JavaScript passes may be anything.

/** What messages call a value. */
export function described(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'symbol' ? 'a symbol' : `${value as number}`;
}

/**
 * Refuses options that are none, and those that would be ignored without a word.
 *
 * @throws TypeError
 */
export function requireOptions(call: string, options: unknown, known: readonly string[]): void {
  const expected = `Expected { ${known.join(', ')} }.`;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${call}: the options are ${described(options)}. ${expected}`);
  }
  const odd = Object.keys(options).find((key) => !known.includes(key));
  if (odd !== undefined) throw new TypeError(`${call}: there is no option "${odd}". ${expected}`);
}

/**
 * Refuses arguments beyond the last one, which would be ignored without a word.
 *
 * @throws TypeError
 */
export function requireCount(call: string, given: number, most: number): void {
  if (given <= most) return;
  throw new TypeError(
    `${call}: ${given} arguments, expected ${most} at most. Put options into the last one.`,
  );
}

/**
 * Refuses what is no function.
 *
 * @throws TypeError
 */
export function requireFunction(call: string, what: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new TypeError(`${call}: ${what} is ${described(value)}, expected a function.`);
}
