// The elements of ONNX tensors: their dtypes and sizes.
import { elementTypeOf, typeName } from '@polyak/backend-onnx/file';
import type { StoredDType } from '@polyak/safetensors';
import { TENSOR } from './tensor-fields.js';

/** The bits of an element, by the number of its type. Strings have none. */
const BITS: Readonly<Partial<Record<number, number>>> = {
  1: 32,
  2: 8,
  3: 8,
  4: 16,
  5: 16,
  6: 32,
  7: 64,
  9: 8,
  10: 16,
  11: 64,
  12: 32,
  13: 64,
  14: 64,
  15: 128,
  16: 16,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  21: 4,
  22: 4,
  23: 4,
  24: 8,
  25: 2,
  26: 2,
};

/** The types of elements that hold strings. */
export const STRING = 8;

const FLOAT8: Readonly<Partial<Record<number, StoredDType>>> = {
  17: 'float8_e4m3fn',
  19: 'float8_e5m2',
};

/**
 * The name of an element type.
 *
 * @param dataType - its number
 * @returns the name of the specification where this library has none
 */
export function dtypeOf(dataType: number): StoredDType {
  return elementTypeOf({ dataType })?.dtype ?? FLOAT8[dataType] ?? typeName(dataType);
}

/**
 * The bytes that elements take, packed where they are shorter than a byte.
 *
 * @param dataType - the number of their type
 * @param count - how many elements
 * @returns undefined where the type is unknown
 */
export function byteLengthOf(dataType: number, count: number): number | undefined {
  const bits = BITS[dataType];
  return bits === undefined ? undefined : Math.ceil((count * bits) / 8);
}

/**
 * The bytes of raw data that a number of a typed field stands for.
 *
 * @param dataType - the number of the element type
 * @param field - the number of the field
 * @returns undefined where the field does not hold elements of this type
 */
export function bytesPerNumber(dataType: number, field: number): number | undefined {
  const bits = BITS[dataType];
  if (bits === undefined) return undefined;
  switch (field) {
    case TENSOR.floatData:
      return dataType === 1 || dataType === 14 ? 4 : undefined;
    case TENSOR.doubleData:
      return dataType === 11 || dataType === 15 ? 8 : undefined;
    case TENSOR.int64Data:
      return dataType === 7 ? 8 : undefined;
    case TENSOR.uint64Data:
      return dataType === 12 || dataType === 13 ? bits / 8 : undefined;
    case TENSOR.int32Data: {
      const isOther = dataType === 1 || dataType === 12 || bits > 32;
      // Elements shorter than a byte are packed into bytes first.
      return isOther ? undefined : Math.max(1, bits / 8);
    }
    default:
      return undefined;
  }
}
