// Values that differ from element to element and from tensor to tensor.
import { halfFromFloat } from '@polyak/core/kit';
import type { HostTensor } from '@polyak/core/interfaces';

/** Float32 numbers of several magnitudes. */
export function floats(seed: number, count: number): Float32Array {
  let state = seed * 7919 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 2 ** ((state >>> 5) % 12);
  });
}

/** A vector. */
export function vector(data: Float32Array): HostTensor {
  return { dtype: 'float32', shape: [data.length], data };
}

/** A vector in half precision. */
export function halfVector(dtype: 'float16' | 'bfloat16', data: Float32Array): HostTensor {
  return { dtype, shape: [data.length], data: halfFromFloat(dtype, data) };
}
