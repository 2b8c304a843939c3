// Other values for a tensor, which show whether a model computes with it.
import { floatsOf, halfBits } from '../tensor/half.js';
import { isFloating, isHalf } from '../tensor/tensor.js';
import type { DType, HostTensor } from '../tensor/tensor.js';

/** How far the other values are: `value ± (relative * |value| + absolute)`, roughly. */
export interface Distance {
  readonly sign: 1 | -1;
  readonly relative: number;
  readonly absolute: number;
}

/**
 * From near to far. The first keeps positive values positive. The later ones reach outputs that
 * only large changes move, such as those of a ReLU that is off, or the index of the largest.
 */
export const DISTANCES: readonly Distance[] = [
  { sign: 1, relative: 1 / 8, absolute: 1 / 16 },
  { sign: -1, relative: 1 / 2, absolute: 1 / 2 },
  { sign: 1, relative: 2, absolute: 2 },
  { sign: -1, relative: 4, absolute: 4 },
];

/** Steps from values beyond it might overflow half precision. */
const LARGE = 2 ** 12;

/**
 * In [0, 1), another number for each index, since a softmax does not see a step that is the same in
 * all its inputs, and for each seed, so that parameters that share memory hold different values.
 */
function jitter(index: number, seed: number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  return ((index + 1) * golden + seed * Math.SQRT2) % 1;
}

/**
 * A tensor all of whose elements differ from those of `tensor`.
 *
 * @param seed - a whole number; another one gives other values
 */
export function otherValues(tensor: HostTensor, distance: Distance, seed: number): HostTensor {
  const { dtype } = tensor;
  if (!isFloating(dtype)) return otherIntegers(tensor);
  const data = tensor.data.slice();
  for (const [index, value] of floatsOf(tensor).entries()) {
    data[index] = encoded(dtype, otherFloat(value, jitter(index, seed), distance));
  }
  return { ...tensor, data };
}

function otherFloat(value: number, part: number, { sign, relative, absolute }: Distance): number {
  const size = Math.abs(value);
  if (size > LARGE && size < Infinity) return value * (0.25 + part / 2);
  const start = Number.isFinite(value) ? value : 0;
  return start + sign * (relative * Math.abs(start) + absolute) * (0.5 + part);
}

function encoded(dtype: DType, value: number): number {
  return isHalf(dtype) ? halfBits(dtype, value) : value;
}

function otherIntegers(tensor: HostTensor): HostTensor {
  const { data } = tensor;
  const lastBit = data instanceof BigInt64Array || data instanceof BigUint64Array ? 1n : 1;
  const other = data.slice();
  for (const [index, value] of data.entries()) {
    other[index] = ((value as number) ^ (lastBit as number)) as never;
  }
  return { ...tensor, data: other };
}
