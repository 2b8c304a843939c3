// The arithmetic of the kernels in JavaScript, by core's CPU backend: what finishes an update that ORT could not.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostArray, HostTensor } from '@polyak/core';
import type { OnnxDType } from '../dtype.js';

/**
 * The moved states of one run.
 *
 * @param dtypes - of the states, float32 or float64, and of the live elements
 * @param states - the averages, and where they are compensated the residuals
 * @param live - as many elements
 * @param weight - in [0, 1]
 * @returns new arrays
 */
export function moved(
  dtypes: { readonly average: OnnxDType; readonly live: OnnxDType },
  states: readonly HostArray[],
  live: HostArray,
  weight: number,
): readonly HostArray[] {
  const backend = cpuBackend({ kernel: 'js' });
  const vector = (data: HostArray): HostTensor => ({
    dtype: dtypes.average,
    shape: [data.length],
    data,
  });
  const [averages, residuals] = states.map((state) => [vector(state.slice())]);
  const target = [vector(dtypes.live === 'float16' ? widened(live as Uint16Array) : live)];
  if (averages === undefined) return [];
  if (residuals === undefined) return dataOf(backend.average(averages, target, weight));
  const pair = backend.averageCompensated(averages, residuals, target, weight);
  return dataOf([...pair.averages, ...pair.residuals]);
}

function dataOf(tensors: readonly HostTensor[]): readonly HostArray[] {
  return tensors.map(({ data }) => data);
}

/** The values of float16 bits: one bit of sign, five of exponent, ten of fraction. */
function widened(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
  });
}
