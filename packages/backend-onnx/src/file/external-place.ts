// Where the external data of a tensor are, as the entries of a TensorProto say.

/** Where the external data of a tensor are. */
export interface ExternalPlace {
  /** The name of the file, relative to the folder of the model. */
  readonly location: string;
  /** The offset of the first byte; undefined for 0. */
  readonly offset: number | undefined;
  /** The length in bytes, where the model has it. */
  readonly length: number | undefined;
}

/**
 * Reads the entries of external data. Other keys, such as a checksum, are ignored.
 *
 * @param entries - the field `external_data`
 * @throws RangeError where the location is missing, a key appears twice, or a number is none
 */
export function externalPlaceOf(
  entries: readonly { readonly key: string; readonly value: string }[],
): ExternalPlace {
  const values = new Map(entries.map(({ key, value }) => [key, value]));
  const location = values.get('location');
  if (location === undefined || location === '' || values.size !== entries.length) {
    const keys = entries.map(({ key }) => key).join(', ');
    throw new RangeError(
      `external data with the keys [${keys}], expected one location, offset and length`,
    );
  }
  const integer = (key: string): number | undefined => {
    const text = values.get(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      throw new RangeError(`external data with the ${key} "${text}", expected an integer >= 0`);
    }
    return value;
  };
  return { location, offset: integer('offset'), length: integer('length') };
}

/**
 * Whether a location stays in the folder that it is relative to, on any system. Links are not
 * followed.
 *
 * @param location - of a file, as a model names it; anything
 */
export function isInFolder(location: string): boolean {
  if (/^([/\\]|[a-z]:)/i.test(location)) return false;
  let depth = 0;
  for (const part of location.split(/[/\\]/)) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return false;
  }
  return depth > 0;
}
