// The dtypes that tensors of ONNX Runtime and this library have in common, and the elements of
// tensors in host memory.
import type { DType, HostArray, HostTensor, TensorSpec } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';
import type { Ort } from './ort.js';

/** A dtype that `ort.Tensor` can have. */
export type OnnxDType = Exclude<DType, 'bfloat16'>;

/** All of them; the CPU provider takes each. */
export const ONNX_DTYPES: readonly OnnxDType[] = [
  'float32',
  'float64',
  'float16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];

/**
 * Whether this dtype has at most one of ORT's element types: all but strings and 4-bit integers.
 */
function isOnnxDType(type: string): type is OnnxDType {
  return (ONNX_DTYPES as readonly string[]).includes(type);
}

/**
 * Dtype and shape of a tensor.
 *
 * @param tensor - on any device
 * @throws PolyakError `ERR_UNSUPPORTED` for strings and 4-bit integers
 */
export function specOf({ type, dims }: Tensor): TensorSpec & { readonly dtype: OnnxDType } {
  if (isOnnxDType(type)) return { dtype: type, shape: dims };
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `A ${type} tensor cannot be averaged or copied, only ${ONNX_DTYPES.join(', ')}.`,
  );
}

/**
 * The elements of a tensor in host memory, as core holds them: a view, not a copy.
 *
 * @param tensor - of location `cpu`
 */
export function elementsOf({ type, data }: Tensor): HostArray {
  // Where JavaScript has a Float16Array, ORT holds float16 in one; core wants the bits.
  if (type === 'float16') {
    const { buffer, byteOffset, length } = data as Uint16Array;
    return new Uint16Array(buffer, byteOffset, length);
  }
  return data as HostArray;
}

/**
 * A tensor in host memory over `data`, which is not copied.
 *
 * @param ort - the runtime
 * @param tensor - what it shall hold
 */
export function tensorOver(ort: Ort, { dtype, data, shape }: HostTensor): Tensor {
  // The types of ORT pair each dtype with its array; core's HostTensor has paired them already.
  return new ort.Tensor(dtype as 'float32', data as Float32Array, [...shape]);
}
