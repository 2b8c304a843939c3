// What a header may hold.
import { PolyakError } from '../error.js';

/** The reserved name of the metadata, which are strings. */
export const METADATA = '__metadata__';
/** The length of a header, the first bytes of a file. */
export const LENGTH_SIZE = 8;
/** The longest header that the reference implementation reads, in bytes. */
export const MAX_HEADER_LENGTH = 100_000_000;
/** The most axes of a tensor, as in NumPy and PyTorch. */
export const MAX_RANK = 64;
/** The most strings in the metadata. */
export const MAX_STRINGS = 65_536;

/** The error for a malformed file. */
export function malformed(what: string, cause?: unknown): PolyakError {
  return new PolyakError(
    'ERR_SAFETENSORS',
    `safetensors: ${what}`,
    cause === undefined ? {} : { cause },
  );
}

/** Whether a list holds extents: at most 64 integers from 0 on, whose product is exact. */
export function isShape(shape: unknown): shape is readonly number[] {
  if (!Array.isArray(shape) || shape.length > MAX_RANK) return false;
  const extents: readonly unknown[] = shape;
  let count = 1;
  for (const extent of extents) {
    if (!isCount(extent)) return false;
    count *= extent;
    if (!isCount(count)) return false;
  }
  return true;
}

/** Whether a value is an integer from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return (
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)
  );
}

/** Whether text can be written as UTF-8: it has no unpaired surrogates. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
