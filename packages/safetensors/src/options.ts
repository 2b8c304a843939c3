// The check of options, as in @polyak/core, which imports this package.

/**
 * The options. An option that is spelt wrong would be ignored.
 *
 * @throws TypeError where they are no object, or one of them is not known
 */
export function requireOptions<Options extends object>(
  call: string,
  options: Options,
  known: readonly (keyof Options & string)[],
): Options {
  const expected = `Expected { ${known.join(', ')} }.`;
  if (typeof options !== 'object' || (options as unknown) === null || Array.isArray(options)) {
    throw new TypeError(`${call}: the options are no object. ${expected}`);
  }
  const names: readonly string[] = known;
  const odd = Object.keys(options).find((name) => !names.includes(name));
  if (odd !== undefined) throw new TypeError(`${call}: there is no option "${odd}". ${expected}`);
  return options;
}
