// Options that a call does not know are refused: ignored, they would change results without a word.

/**
 * @param call - the method, for the message
 * @param options - what JavaScript passes: may be anything
 * @param known - the names of its options
 * @throws TypeError where `options` is no object, or has another option
 */
export function requireOptions(call: string, options: unknown, known: readonly string[]): void {
  const isObject = typeof options === 'object' && options !== null;
  const odd = isObject ? Object.keys(options).find((key) => !known.includes(key)) : undefined;
  if (isObject && odd === undefined) return;
  const found = odd === undefined ? String(options) : `an unknown option "${odd}"`;
  throw new TypeError(`${call}: the options are ${found}. Expected { ${known.join(', ')} }.`);
}
