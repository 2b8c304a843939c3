// The dtypes that ONNX Runtime and this library share, and the elements of tensors in host memory.
import type { DType, HostArray, HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { PolyakError } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';
import type { Ort } from './ort.js';

/** A dtype that `ort.Tensor` can have. */
export type OnnxDType = Exclude<DType, 'bfloat16'>;

/** All of them. The CPU provider supports each. */
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

function isOnnxDType(type: string): type is OnnxDType {
  return (ONNX_DTYPES as readonly string[]).includes(type);
}

/**
 * Whether a value is a tensor of ONNX Runtime, also of another copy of it.
 *
 * @param value - anything
 */
export function isTensor(value: unknown): value is Tensor {
  return (
    typeof value === 'object' &&
    value !== null &&
    'dims' in value &&
    'type' in value &&
    'location' in value
  );
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
    `A ${type} tensor cannot be averaged or copied, expected ${ONNX_DTYPES.join(', ')}.`,
  );
}

/**
 * The elements of a tensor in host memory: a view, not a copy.
 *
 * @param tensor - of location `cpu`
 */
export function elementsOf({ type, data }: Tensor): HostArray {
  return type === 'float16' ? bitsOf(data as HostArray) : (data as HostArray);
}

/**
 * A tensor in host memory over `data`, which is not copied. It works on every version of Node.
 *
 * @param ort - the runtime
 * @param tensor - float16 elements may be in a `Uint16Array` or a `Float16Array`
 */
export function tensorOver(ort: Ort, { dtype, data, shape }: HostTensor): Tensor {
  const dims = [...shape];
  // Where JavaScript has a Float16Array, ORT turns the bits into one, and its native half takes
  // that for empty (microsoft/onnxruntime#26791). A Uint16Array works on every version of Node.
  if (dtype === 'float16')
    return Object.assign(new ort.Tensor('uint16', bitsOf(data), dims), { type: dtype });
  // ORT's types pair each dtype with its array. A HostTensor is paired already.
  return new ort.Tensor(dtype as 'float32', data as Float32Array, dims);
}

/**
 * A tensor that ORT can be fed on every version of Node: the tensor itself, or, for float16 in a
 * `Float16Array`, another tensor over the same memory.
 *
 * @param ort - the runtime
 * @param tensor - only read
 */
export function feedable(ort: Ort, tensor: Tensor): Tensor {
  if (tensor.type !== 'float16' || tensor.location !== 'cpu') return tensor;
  return tensorOver(ort, { dtype: 'float16', shape: tensor.dims, data: elementsOf(tensor) });
}

/**
 * The bits of float16 elements.
 *
 * @param data - a `Float16Array` is viewed, not copied; any other array is returned
 */
function bitsOf(data: HostArray): Uint16Array {
  const isFloat16Array = (data[Symbol.toStringTag] as string) === 'Float16Array';
  if (!isFloat16Array) return data as Uint16Array;
  return new Uint16Array(data.buffer, data.byteOffset, data.length);
}
