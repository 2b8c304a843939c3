// The names of dtypes in a file, and the order in which their tensors lie there.
import type { StoredDType } from '../stream/stored-tensor.js';
import { arrayOf } from '../tensor.js';
import type { DType } from '../tensor.js';

const CODES: Readonly<Record<DType, string>> = {
  uint64: 'U64',
  int64: 'I64',
  float64: 'F64',
  float32: 'F32',
  uint32: 'U32',
  int32: 'I32',
  bfloat16: 'BF16',
  float16: 'F16',
  uint16: 'U16',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
/** Those that {@link StoredDType} names beside them; each element is a byte. */
const FLOAT8: Readonly<Record<'float8_e4m3fn' | 'float8_e5m2', string>> = {
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
};
/**
 * In the order of the reference implementation, so that equal tensors make equal files: wide
 * elements come first, which aligns all of them.
 */
const ORDER: ReadonlyMap<string, number> = new Map(
  (
    'U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 ' +
    'F8_E5M2FNUZ F8_E4M3FNUZ F8_E8M0 F8_E4M3 F8_E5M2 I8 U8 F6_E3M2 F6_E2M3 F4 BOOL'
  )
    .split(' ')
    .map((code, index) => [code, index]),
);
const DTYPES = new Map(Object.entries(CODES).map(([dtype, code]) => [code, dtype as DType]));
const STORED: ReadonlyMap<string, StoredDType> = new Map<string, StoredDType>([
  ...DTYPES,
  ...Object.entries(FLOAT8).map(([dtype, code]) => [code, dtype] as const),
]);
// Ours are in lower case, so that no file can name one of them for something else.
const OTHER = /^[A-Z][A-Z\d_]{0,31}$/;

/** What {@link dtypeOf} reads, in messages. */
export const EXPECTED_DTYPES: string = Object.values(CODES).join(', ');

/** Whether `dtype` is one of {@link DType}. */
export function isDType(dtype: unknown): dtype is DType {
  return typeof dtype === 'string' && Object.hasOwn(CODES, dtype);
}

/** The dtype that a file names `code`, if arrays can hold it. */
export function dtypeOf(code: string): DType | undefined {
  return DTYPES.get(code);
}

/** The dtype that a file names `code`: `code` itself where it is not one of ours. */
export function storedDTypeOf(code: string): StoredDType | undefined {
  return STORED.get(code) ?? (OTHER.test(code) ? code : undefined);
}

/** What a file names `dtype`; nothing where no file can. */
export function codeOf(dtype: StoredDType): string | undefined {
  if (isDType(dtype)) return CODES[dtype];
  if (isFloat8(dtype)) return FLOAT8[dtype];
  return OTHER.test(dtype) && !STORED.has(dtype) ? dtype : undefined;
}

/** The bytes of an element; nothing where only the file knows. */
export function elementBytes(dtype: StoredDType): number | undefined {
  if (isDType(dtype)) return arrayOf(dtype).BYTES_PER_ELEMENT;
  return isFloat8(dtype) ? 1 : undefined;
}

/** The place of a dtype in a file; those that the reference does not know come last. */
export function rankOf(code: string): number {
  return ORDER.get(code) ?? ORDER.size;
}

function isFloat8(dtype: StoredDType): dtype is keyof typeof FLOAT8 {
  return Object.hasOwn(FLOAT8, dtype);
}
