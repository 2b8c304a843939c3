// What a model is worth on samples that it was not trained on.
import { max, maxIndex, mean, range, sum } from 'd3-array';

import type { Samples } from './samples.js';

/** The score of a classifier. */
export interface Score {
  /** In percent. */
  readonly accuracy: number;
  /** The mean cross-entropy, in nats. */
  readonly logLoss: number;
  /** The expected calibration error, from 0 to 1, over 15 bins of equal width. */
  readonly ece: number;
}

const BINS = 15;

/** @param probabilities - those of all classes for each sample, one sample after the other */
export function scoreOf(
  probabilities: Float32Array,
  { labels }: Pick<Samples, 'labels'>,
  classCount: number,
): Score {
  const predictions = Array.from(labels, (label, index) => {
    const row = probabilities.subarray(index * classCount, (index + 1) * classCount);
    const confidence = max(row) ?? NaN;
    // A probability that underflows to 0 costs as much as the smallest one.
    const loss = -Math.log(Math.max(row[label] ?? NaN, 2 ** -126));
    return { isRight: maxIndex(row) === label ? 1 : 0, confidence, loss };
  });
  const gaps = range(BINS).map((bin) => {
    const own = predictions.filter(({ confidence }) => binOf(confidence) === bin);
    return Math.abs(sum(own, ({ isRight, confidence }) => isRight - confidence));
  });
  return {
    accuracy: 100 * (mean(predictions, ({ isRight }) => isRight) ?? NaN),
    logLoss: mean(predictions, ({ loss }) => loss) ?? NaN,
    ece: sum(gaps) / predictions.length,
  };
}

function binOf(confidence: number): number {
  return Math.min(Math.floor(confidence * BINS), BINS - 1);
}
