// How well logits on the host read digits.
import type { Digits } from '../data/mnist.js';

/** The digits that a network tells apart. */
const classes = 10;

/** What one batch adds to a score. */
export interface BatchScore {
  /** The number of digits classified correctly. */
  readonly right: number;
  /** The sum of the cross-entropies, in nats. */
  readonly lossSum: number;
}

/** @param logits - [n, 10], for the digits of a batch */
export function scoreLogits(logits: Float32Array, { labels }: Digits): BatchScore {
  let right = 0;
  let lossSum = 0;
  labels.forEach((label, row) => {
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    right += Number(argMax(scores) === label);
    lossSum += logSumExp(scores) - (scores[label] ?? Number.NaN);
  });
  return { right, lossSum };
}

/** The first index of the greatest. */
function argMax(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}

function logSumExp(values: Float32Array): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
