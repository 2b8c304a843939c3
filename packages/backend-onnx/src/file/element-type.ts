// ONNX's numbers for element types, and the fields of a TensorProto that hold elements one by one.
import type { DType } from '@polyak/core/interfaces';
import type { TensorProto } from '../proto/onnx_pb.js';
import { TensorProto_DataTypeSchema } from '../proto/onnx_pb.js';

/** The fields of a TensorProto that hold elements one by one. */
type TypedField = 'floatData' | 'doubleData' | 'int32Data' | 'int64Data' | 'uint64Data';

/** One element type. */
export interface ElementType {
  /** Its name in this library. */
  readonly dtype: DType;
  /** The field of the elements, if they are not in raw_data. */
  readonly field: TypedField;
}

// TensorProto.DataType. Strings, complex numbers, float8 and types below a byte are missing: a
// model keeps such initializers as they are.
const TYPES: Readonly<Partial<Record<number, ElementType>>> = {
  1: { dtype: 'float32', field: 'floatData' },
  2: { dtype: 'uint8', field: 'int32Data' },
  3: { dtype: 'int8', field: 'int32Data' },
  4: { dtype: 'uint16', field: 'int32Data' },
  5: { dtype: 'int16', field: 'int32Data' },
  6: { dtype: 'int32', field: 'int32Data' },
  7: { dtype: 'int64', field: 'int64Data' },
  9: { dtype: 'bool', field: 'int32Data' },
  10: { dtype: 'float16', field: 'int32Data' },
  11: { dtype: 'float64', field: 'doubleData' },
  12: { dtype: 'uint32', field: 'uint64Data' },
  13: { dtype: 'uint64', field: 'uint64Data' },
  16: { dtype: 'bfloat16', field: 'int32Data' },
};

/**
 * The element type of a tensor.
 *
 * @param tensor - its `dataType` is looked up
 * @returns undefined for types without an array type in JavaScript
 */
export function elementTypeOf({
  dataType,
}: Pick<TensorProto, 'dataType'>): ElementType | undefined {
  return TYPES[dataType];
}

/**
 * The name of an element type in the specification.
 *
 * @param dataType - of a tensor; any number
 */
export function typeName(dataType: number): string {
  const value = TensorProto_DataTypeSchema.values.find(({ number }) => number === dataType);
  return value?.name ?? `type ${dataType}`;
}
