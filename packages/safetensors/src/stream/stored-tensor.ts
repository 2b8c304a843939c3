// A tensor in a file: what it is and where its bytes lie.
import type { DType } from '../tensor.js';

/**
 * The dtype of a tensor in a file: one of {@link DType}, a float8, or the name that the file format
 * has for another. Elements of others can be copied, not read.
 */
export type StoredDType = DType | 'float8_e4m3fn' | 'float8_e5m2' | (string & {});

/** A tensor in a file. */
export interface StoredTensor {
  /** The name. */
  readonly name: string;
  /** The type of the elements. */
  readonly dtype: StoredDType;
  /** The extents, outermost first. */
  readonly shape: readonly number[];
  /** The offset of the first byte in the file. */
  readonly begin: number;
  /** The offset behind the last byte. */
  readonly end: number;
}
