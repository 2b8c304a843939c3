// Argument checks, for callers without types. All throw a TypeError, but `requireWord`.

/** Describes a value for error messages. */
export function described(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'symbol' ? 'a symbol' : `${value as number}`;
}

/**
 * Throws unless `options` is an object whose keys are all known.
 *
 * @returns the options that are defined. A getter may answer differently each time, so each is read
 *   once here, and what is checked is what is used
 */
export function requireOptions<Options>(
  call: string,
  options: Options,
  known: readonly string[],
): Options {
  const expected = `Expected { ${known.join(', ')} }.`;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${call}: the options are ${described(options)}. ${expected}`);
  }
  const odd = Object.keys(options).find((key) => !known.includes(key));
  if (odd !== undefined) throw new TypeError(`${call}: there is no option "${odd}". ${expected}`);
  const given = known.map((key) => [key, Reflect.get(options, key) as unknown] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Options;
}

/** Throws if more than `most` arguments are given. */
export function requireCount(call: string, given: number, most: number): void {
  if (given <= most) return;
  const found = given === 1 ? '1 argument' : `${given} arguments`;
  throw new TypeError(`${call}: ${found}, expected ${most === 0 ? 'none' : `${most} at most`}.`);
}

/** Throws unless `value` is a function. */
export function requireFunction(call: string, what: string, value: unknown): void {
  requireThat(typeof value === 'function', call, what, value, 'a function');
}

/** Throws unless `value` is true or false. */
export function requireBoolean(call: string, what: string, value: unknown): void {
  requireThat(typeof value === 'boolean', call, what, value, 'a boolean');
}

/** Throws a RangeError, as `Intl` does, unless `value` is one of these words, of two at least. */
export function requireWord(
  call: string,
  what: string,
  value: unknown,
  words: readonly string[],
): void {
  if (words.includes(value as string)) return;
  const listed = words.map(described);
  const expected = `${listed.slice(0, -1).join(', ')} or ${listed.at(-1)}`;
  throw new RangeError(`${call}: ${what} is ${described(value)}, expected ${expected}.`);
}

function requireThat(
  holds: boolean,
  call: string,
  what: string,
  value: unknown,
  expected: string,
): void {
  if (holds) return;
  throw new TypeError(`${call}: ${what} is ${described(value)}, expected ${expected}.`);
}

/** Throws unless `signal` is left out, or ends work as an `AbortSignal` does. */
export function requireSignal(call: string, signal: unknown): void {
  if (signal === undefined) return;
  const remedy = 'Pass that of an AbortController.';
  requireMembers(`${call}: the signal`, signal, { throwIfAborted: 'a function' }, remedy);
}

/**
 * Throws unless `value` is an array.
 *
 * @param subject - the subject and verb of the message: `SWA: the groups are`
 * @param remedy - what to pass instead, as a sentence
 */
export function requireArray(subject: string, value: unknown, remedy: string): void {
  if (!Array.isArray(value)) throw new TypeError(`${subject} ${described(value)}. ${remedy}`);
}

/**
 * Throws unless `value` is an object with these members, each of the given type.
 *
 * @param subject - the subject of the message: `SWA: the optimizer`
 * @param remedy - what to pass instead, as a sentence
 */
export function requireMembers(
  subject: string,
  value: unknown,
  members: Readonly<
    Record<string, 'a function' | 'an array' | 'an object' | 'a number' | 'a name'>
  >,
  remedy: string,
): void {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const given = (isObject ? value : {}) as Readonly<Record<string, unknown>>;
  for (const [key, expected] of Object.entries(members)) {
    const type = Array.isArray(given[key]) ? 'array' : typeof given[key];
    if (expected.endsWith(type === 'string' ? 'name' : type) && given[key] !== null) continue;
    const odd = ` whose ${key} is ${described(given[key])}, expected ${expected}`;
    throw new TypeError(`${subject} is ${described(value)}${isObject ? odd : ''}. ${remedy}`);
  }
}
