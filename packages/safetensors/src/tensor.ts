// Tensors in host memory: a dtype, a shape and the elements.
import { isShape } from './header/limits.js';
import { excerpt } from './json.js';

/** Element types, by the names that NumPy and safetensors users know. */
export type DType =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool';

/** The dtype and shape of a tensor. A scalar has the shape `[]`. */
export interface TensorSpec {
  /** The type of the elements. */
  readonly dtype: DType;
  /** The extents, outermost first. */
  readonly shape: readonly number[];
}

/** The typed arrays that hold the elements of a {@link HostTensor}. */
export type HostArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | BigUint64Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

/**
 * A tensor in host memory: row-major elements in the typed array of its dtype. `float16` and
 * `bfloat16` are held as their bits in a `Uint16Array`, `bool` as 0 and 1 in a `Uint8Array`.
 */
export interface HostTensor extends TensorSpec {
  /** The elements: as many as the product of the extents. */
  readonly data: HostArray;
}

/** The constructors of {@link HostArray}. */
export type HostArrayConstructor =
  | Float64ArrayConstructor
  | Float32ArrayConstructor
  | BigInt64ArrayConstructor
  | Int32ArrayConstructor
  | Int16ArrayConstructor
  | Int8ArrayConstructor
  | BigUint64ArrayConstructor
  | Uint32ArrayConstructor
  | Uint16ArrayConstructor
  | Uint8ArrayConstructor;

const ARRAYS: Readonly<Record<DType, HostArrayConstructor>> = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/**
 * The typed-array constructor that holds elements of `dtype`.
 *
 * @param dtype - one of {@link DType}
 * @returns the constructor; its `BYTES_PER_ELEMENT` is the size of one element
 */
export function arrayOf(dtype: DType): HostArrayConstructor {
  return ARRAYS[dtype];
}

/** The bytes of `data`: a view. No bytes may lie in memory that was transferred. */
export function bytesOf(data: HostArray): Uint8Array {
  if (data.byteLength === 0) return new Uint8Array();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The number of elements of a shape: the product of its extents, 1 for a scalar.
 *
 * @param shape - extents, each a non-negative integer
 */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * A spec in the form that messages use, such as `float32[3,3]`.
 *
 * @param spec - the spec to write out
 */
export function formatSpec(spec: TensorSpec): string {
  return `${spec.dtype}[${spec.shape.join(',')}]`;
}

/**
 * A host tensor in the form that the rest of the library reads: float16 in a `Float16Array`, which
 * Node 24 has, becomes a view of the same bits.
 *
 * @param tensor - any host tensor; shares its memory with the result
 */
export function canonical(tensor: HostTensor): HostTensor {
  const { dtype, shape, data } = tensor;
  // `data` is what the caller says it is: only its tag tells.
  if (dtype !== 'float16' || tagOf(data) !== 'Float16Array') return tensor;
  return { dtype, shape, data: new Uint16Array(data.buffer, data.byteOffset, data.length) };
}

/**
 * What is wrong with a host tensor, if anything: a predicate such as `has the unknown dtype "f4"`.
 *
 * @param tensor - in the form of {@link canonical}; its fields may be anything
 */
export function flawOf(tensor: HostTensor): string | undefined {
  const { dtype, shape, data } = tensor;
  if (typeof dtype !== 'string' || !Object.hasOwn(ARRAYS, dtype))
    return `has the unknown dtype ${excerpt(dtype)}`;
  if (!isShape(shape)) {
    return `has the shape ${excerpt(shape)}, expected at most 64 integers >= 0`;
  }
  const { name } = arrayOf(dtype);
  const found = tagOf(data);
  // By tag and not `instanceof`, which fails for arrays of another realm.
  if (found !== name) return `is ${dtype} held in ${found}, expected ${name}`;
  const count = elementCount(shape);
  if (data.length === count) return undefined;
  return `is ${formatSpec(tensor)} with ${data.length} elements, expected ${count}`;
}

function tagOf(data: unknown): string {
  if (ArrayBuffer.isView(data)) return (data as HostArray)[Symbol.toStringTag];
  return data === null ? 'null' : Array.isArray(data) ? 'an array' : typeof data;
}
