// Averages that merge: pairs of a mean and its weight, such as the workers of a fleet have.
import { described, requireArray, requireCount } from '../arguments.js';
import { requireFit, specDifferences } from '../state/differences.js';
import type { NamedTensors } from '../state/named-tensors.js';
import { readState } from '../state/read-state.js';
import { isTensor, recordOf } from '../state/state-tree.js';
import { canonical, flawOf } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import { TensorMerge } from '../kit/tensor-merge.js';

const CALL = 'mergeAverages';

/** A mean and the weight that it has in a mean of means: how many samples or models made it. */
export interface WeightedAverage {
  /** Float32 or float64. */
  readonly mean: NamedTensors;
  /** A finite number above 0. */
  readonly weight: number;
}

/**
 * The mean of means, `sum(weight * mean) / sum(weight)`, and its weight, the sum. It is computed in
 * the order given, in float64 and within 1 ulp of it, and rounded once to the dtype. So a merge of
 * merged averages differs from one merge of all by one rounding for each level.
 *
 * @param averages - one at least, with the same names, dtypes and shapes; not changed
 * @returns new tensors
 * @throws RangeError where there are none, or a weight is not a finite number above 0
 * @throws TypeError where a mean is not tensors by name, or more arguments are given
 * @throws PolyakError `ERR_MISMATCH` where they differ in their tensors, `ERR_UNSUPPORTED` for
 *   integers and half precision, `ERR_NON_FINITE` for NaN, infinities and sums that overflow
 *   float64
 * @example
 * ```ts
 * import { mergeAverages } from '@polyak/core';
 *
 * const w = (value: number) => ({
 *   w: { dtype: 'float32', shape: [1], data: Float32Array.of(value) } as const,
 * });
 * const merged = mergeAverages([
 *   { mean: w(1), weight: 3 },
 *   { mean: w(5), weight: 1 },
 * ]);
 * console.log(merged.mean['w']?.data, merged.weight); // Float32Array(1) [2] 4
 * ```
 */
export function mergeAverages(averages: readonly WeightedAverage[]): WeightedAverage {
  requireCount(CALL, arguments.length, 1);
  requireArray(`${CALL}: the averages are`, averages, 'Pass a list of { mean, weight }.');
  const given = averages.map(({ mean, weight }, index) => ({
    tensors: tensorsOf(mean, index),
    weight: weightAt(index, weight),
  }));
  const [first] = given;
  if (first === undefined) throw new RangeError(`${CALL}: there are no averages.`);
  for (const [index, { tensors }] of given.entries()) {
    const sides = { found: 'it', expected: 'the first one' };
    requireFit(specDifferences(tensors, first.tensors, sides), {
      code: 'ERR_MISMATCH',
      call: CALL,
      what: `the average ${index}`,
    });
  }
  const weight = weightAt(
    'sum',
    given.reduce((sum, each) => sum + each.weight, 0),
  );
  const merged = [...first.tensors].map(([name, spec]) => {
    const merge = new TensorMerge(`${CALL}: "${name}"`, spec);
    for (const each of given) merge.add(each.tensors.get(name) as HostTensor, each.weight);
    return [name, merge.finish()] as const;
  });
  return { mean: Object.fromEntries(merged), weight };
}

function weightAt(index: number | 'sum', weight: number): number {
  if (typeof weight === 'number' && weight > 0 && weight < Infinity) return weight;
  const what = index === 'sum' ? 'the sum of the weights' : `the weight of the average ${index}`;
  throw new RangeError(`${CALL}: ${what} is ${described(weight)}, expected a number above 0.`);
}

function tensorsOf(mean: NamedTensors, index: number): ReadonlyMap<string, HostTensor> {
  const record = readState(CALL, mean);
  const tensors = new Map<string, HostTensor>();
  // The entries of a Map are not properties.
  if (recordOf(record) !== record || Symbol.iterator in mean) {
    const found = described(mean);
    throw new TypeError(`${CALL}: the mean ${index} is ${found}, expected tensors by name.`);
  }
  for (const [name, node] of Object.entries(record)) {
    const flaw = isTensor(node) ? flawOf(canonical(node)) : 'is not a tensor';
    if (flaw !== undefined) {
      throw new TypeError(`${CALL}: the mean ${index}: "${name}" ${flaw}.`);
    }
    tensors.set(name, node as HostTensor);
  }
  return tensors;
}
