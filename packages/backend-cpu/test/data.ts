// Numbers to average: everything a float can be, from a seed, and bitwise comparison.
import type { CpuBackend } from '@polyak/backend-cpu';
import type { AveragedItem, AverageItem, HostTensor } from '@polyak/core/interfaces';

/** Elements of a tensor that is averaged. */
export type FloatArray = Float32Array | Float64Array;

/** mulberry32: uniform in [0, 1), the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Fills `array` with ordinary numbers, subnormal ones, zeros of both signs, huge ones, infinities
 * and NaN.
 */
export function fillWild<A extends FloatArray>(array: A, seed: number): A {
  const random = randomFrom(seed);
  const tiny = array.BYTES_PER_ELEMENT === 4 ? 2 ** -149 : 2 ** -1074;
  const huge = array.BYTES_PER_ELEMENT === 4 ? 2 ** 127 : 2 ** 1023;
  for (let index = 0; index < array.length; index += 1) {
    const sign = random() < 0.5 ? -1 : 1;
    const kind = random();
    if (kind < 0.7) array[index] = sign * random() * 2 ** Math.floor(random() * 40 - 20);
    else if (kind < 0.85) array[index] = sign * Math.floor(random() * 2 ** 23) * tiny;
    else if (kind < 0.9) array[index] = sign * 0;
    else if (kind < 0.98) array[index] = sign * random() * huge;
    else if (kind < 0.99) array[index] = sign * Infinity;
    else array[index] = NaN;
  }
  return array;
}

/** Fills `array` with weights around 1. */
export function fillTame<A extends FloatArray>(array: A, seed: number): A {
  const random = randomFrom(seed);
  for (let index = 0; index < array.length; index += 1) array[index] = 1 + (random() - 0.5) / 50;
  return array;
}

/** A tensor of one dimension over `data`. */
export function vector(data: FloatArray): HostTensor {
  return {
    dtype: data instanceof Float32Array ? 'float32' : 'float64',
    shape: [data.length],
    data,
  };
}

/**
 * Where `found` first differs from `expected` in any bit, but for which NaN a NaN is; undefined
 * where it does not. `what` names the case in the message.
 */
export function difference(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  what = 'result',
): string | undefined {
  if (found.length !== expected.length)
    return `${what}: ${found.length} elements, expected ${expected.length}`;
  for (let index = 0; index < expected.length; index += 1) {
    if (!Object.is(found[index], expected[index])) {
      return `${what}, at ${index}: ${found[index]}, expected ${expected[index]}`;
    }
  }
  return undefined;
}

/** The results of an update that must not be refused, finite or not. */
export function averaged(
  backend: Pick<CpuBackend, 'average'>,
  items: readonly AverageItem<HostTensor>[],
): readonly AveragedItem<HostTensor>[] {
  const result = backend.average(items, { allowNonFinite: true });
  if (result.kind === 'refused') throw new Error('refused although all is allowed');
  return result.items;
}

/** An item of an update for each average, with the weight 0.5. */
export function itemsOf(
  averages: readonly HostTensor[],
  live: readonly HostTensor[],
  residuals: readonly HostTensor[] = [],
): readonly AverageItem<HostTensor>[] {
  return averages.map((average, index) => {
    const item = { average, live: live[index] ?? average, weight: 0.5 };
    const residual = residuals[index];
    return residual === undefined ? item : { ...item, residual };
  });
}
