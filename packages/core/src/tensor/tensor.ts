// Tensors as averaging uses them: a dtype, a shape, and on the host the elements.
import { arrayOf, elementCount } from '@polyak/safetensors';
import type { DType, HostArray, HostTensor, TensorSpec } from '@polyak/safetensors';

export type {
  DType,
  HostArray,
  HostArrayConstructor,
  HostTensor,
  TensorSpec,
} from '@polyak/safetensors';
export { arrayOf, canonical, elementCount, flawOf, formatSpec } from '@polyak/safetensors';

/**
 * Whether tensors of `dtype` are averaged. All others (counters, indices, masks) are copied.
 *
 * @param dtype - one of {@link DType}
 */
export function isFloating(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

/**
 * Whether `dtype` is half precision, which is too coarse to hold an average.
 *
 * @param dtype - one of {@link DType}
 */
export function isHalf(dtype: DType): boolean {
  return dtype === 'float16' || dtype === 'bfloat16';
}

/**
 * Whether two tensors have the same dtype and shape.
 *
 * @param a - one spec
 * @param b - the other
 */
export function sameSpec(a: TensorSpec, b: TensorSpec): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((extent, axis) => extent === b.shape[axis])
  );
}

/** A tensor of zeros. */
export function zeros({ dtype, shape }: TensorSpec): HostTensor {
  return { dtype, shape, data: new (arrayOf(dtype))(elementCount(shape)) };
}

/** Whether two arrays have the same bytes. */
export function sameBytes(a: HostArray | undefined, b: HostArray | undefined): boolean {
  if (a === undefined || b === undefined || a.byteLength !== b.byteLength) return false;
  // By words, which takes a quarter of the time, and the rest by bytes.
  const isAligned = a.byteOffset % WORD === 0 && b.byteOffset % WORD === 0;
  const words = isAligned ? Math.floor(a.byteLength / WORD) : 0;
  if (words > 0 && !sameElements(wordsOf(a, words), wordsOf(b, words))) return false;
  return sameElements(bytesFrom(a, words * WORD), bytesFrom(b, words * WORD));
}

const WORD = 4;

function wordsOf({ buffer, byteOffset }: HostArray, count: number): Uint32Array {
  return new Uint32Array(buffer, byteOffset, count);
}

function bytesFrom({ buffer, byteOffset, byteLength }: HostArray, start: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + start, byteLength - start);
}

function sameElements(a: Uint32Array | Uint8Array, b: Uint32Array | Uint8Array): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
