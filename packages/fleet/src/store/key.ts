// Keys of a store come from jobs, which others may have written.

/**
 * Throws unless a key is a relative path with `/`, without `.`, `..` and empty names.
 *
 * @throws RangeError where it is not, TypeError where it is no string
 */
export function requireKey(key: string): void {
  if (typeof key !== 'string') {
    throw new TypeError(`a key of a store is a value of type ${typeof key}, expected a string.`);
  }
  const names = key.split('/');
  const isPlain = names.every((name) => name !== '' && name !== '.' && name !== '..');
  if (isPlain && !/[\\\0:]/.test(key)) return;
  throw new RangeError(
    `${JSON.stringify(key)} is no key of a store: expected a relative path with "/", ` +
      'without "..", colons and backslashes.',
  );
}
