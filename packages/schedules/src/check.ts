// What schedules refuse, in few bytes: every schedule carries these along.

/**
 * Refuses values that are not finite, or not between `least` and `most`, or no integers where they
 * should be.
 */
export function check(
  call: string,
  values: Readonly<Record<string, number>>,
  least = 0,
  most: number = Infinity,
  isInteger?: boolean,
): void {
  for (const name in values) {
    const value = values[name] as number;
    if (!(
      Number.isFinite(value) &&
      value >= least &&
      value <= most &&
      (!isInteger || value % 1 === 0)
    )) {
      const kind = isInteger ? 'an integer' : 'a finite number';
      throw new RangeError(`${call}: ${name} is ${value}, not ${kind} in [${least}, ${most}].`);
    }
  }
}

/** Refuses what is none of the words that an option may be. */
export function checkWord(call: string, name: string, value: string, ...words: string[]): void {
  if (!words.includes(value)) {
    throw new RangeError(`${call}: ${name} is ${value}, expected ${words.join(' or ')}.`);
  }
}

/** Refuses what is no function. */
export function checkFunction(call: string, name: string, value: unknown): void {
  if (typeof value !== 'function') {
    throw new TypeError(`${call}: ${name} is ${String(value)}, not a function.`);
  }
}
