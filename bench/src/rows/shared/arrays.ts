// Weights in ordinary typed arrays, and the yardsticks that run over them.
import type { HostTensor } from '@polyak/core/interfaces';
import type { Operation } from './mode.js';

/** A float32 tensor in host memory. */
export type Float32Tensor = HostTensor & { readonly data: Float32Array };

/**
 * The weight of an update. So small that averages do not reach the live weights while a row runs:
 * residuals would decay to subnormal numbers, which are slow.
 */
export const WEIGHT = 1 / 4096;

/**
 * Ordinary arrays around `value`, with 1 % of noise.
 *
 * @param lengths - one for each array
 * @param value - the mean of the elements
 */
export function filled(lengths: readonly number[], value: number): readonly Float32Array[] {
  const arrays = lengths.map((length) => new Float32Array(length));
  fill(arrays, value);
  return arrays;
}

/** Fills arrays as {@link filled} does. */
export function fill(arrays: readonly Float32Array[], value: number): void {
  const noise = Float32Array.from({ length: 4096 }, () => value * (0.995 + 0.01 * Math.random()));
  for (const array of arrays) {
    for (let start = 0; start < array.length; start += noise.length) {
      array.set(noise.subarray(0, array.length - start), start);
    }
  }
}

/** A tensor of one axis over an array. */
export function tensorOf(data: Float32Array): Float32Tensor {
  return { dtype: 'float32', shape: [data.length], data };
}

/**
 * The plain loop over typed arrays, which is what most would write.
 *
 * @param averages - are moved
 * @param live - as many, of the same lengths
 */
export function plainLoop(
  averages: readonly Float32Array[],
  live: readonly Float32Array[],
): Operation {
  return () => {
    for (const [index, average] of averages.entries()) lerp(average, live[index] ?? average);
  };
}

function lerp(average: Float32Array, live: Float32Array): void {
  for (let i = 0; i < average.length; i += 1) {
    const a = average[i] as number;
    average[i] = a + ((live[i] as number) - a) * WEIGHT;
  }
}

/**
 * The elements that one `set()` of a large array copies. Above 192 MiB glibc copies by stores that
 * bypass the cache and takes half the time, which nothing that computes can.
 */
const PART = 2 ** 20;

/** From this length on, an array is copied in parts. */
const LARGE = 2 ** 25;

/**
 * `target.set(source)` of each array, in parts where it is large.
 *
 * @param targets - are overwritten
 * @param sources - as many, of the same lengths
 */
export function copies(
  targets: readonly Float32Array[],
  sources: readonly Float32Array[],
): Operation {
  const pairs = targets.flatMap((target, index) => {
    const source = sources[index] ?? target;
    const part = target.length < LARGE ? target.length : PART;
    return Array.from({ length: Math.ceil(target.length / part) }, (_, n) => ({
      target: target.subarray(n * part, (n + 1) * part),
      source: source.subarray(n * part, (n + 1) * part),
    }));
  });
  return () => {
    for (const { target, source } of pairs) target.set(source);
  };
}
