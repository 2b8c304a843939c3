// What predictions are worth: accuracy, log-loss and calibration.

/** What probabilities are worth on images that were not trained on. */
export interface Score {
  /** The share of images told right, from 0 to 1. */
  readonly accuracy: number;
  /** The mean negative log of the true class's probability, in nats. */
  readonly logLoss: number;
  /** The expected calibration error, from 0 to 1. */
  readonly ece: number;
}

/** Predictions whose greatest probabilities are alike: a bar of a reliability plot. */
export interface Bin {
  readonly count: number;
  /** The mean of the greatest probabilities. */
  readonly confidence: number;
  /** The share told right. */
  readonly accuracy: number;
}

const BINS = 15;

/**
 * Scores predictions.
 *
 * @param probabilities - [images, classes]; rows sum to 1
 * @param labels - the true classes, one for each image
 */
export function scoreOf(probabilities: Float64Array, labels: Uint8Array): Score {
  const classes = probabilities.length / labels.length;
  let [right, loss] = [0, 0];
  for (const [image, label] of labels.entries()) {
    if (mostLikely(probabilities, image, classes).label === label) right += 1;
    loss -= Math.log(probabilities[image * classes + label] ?? NaN);
  }
  const gap = sumsOf(probabilities, labels).reduce(
    (sum, { confidence, right: told }) => sum + Math.abs(confidence - told),
    0,
  );
  const { length } = labels;
  return { accuracy: right / length, logLoss: loss / length, ece: gap / length };
}

/**
 * The predictions by their greatest probability: 15 bins of equal width from 0 to 1, each without
 * its lower end. Empty ones are left out.
 *
 * @see Guo et al. 2017, On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599
 */
export function binsOf(probabilities: Float64Array, labels: Uint8Array): readonly Bin[] {
  return sumsOf(probabilities, labels)
    .filter(({ count }) => count > 0)
    .map(({ count, confidence, right }) => ({
      count,
      confidence: Number((confidence / count).toFixed(5)),
      accuracy: Number((right / count).toFixed(5)),
    }));
}

/** How many predictions a bin has, their confidences added up, and how many are right. */
interface Sums {
  count: number;
  confidence: number;
  right: number;
}

function sumsOf(probabilities: Float64Array, labels: Uint8Array): readonly Readonly<Sums>[] {
  const classes = probabilities.length / labels.length;
  const sums = Array.from({ length: BINS }, (): Sums => ({ count: 0, confidence: 0, right: 0 }));
  for (const [image, label] of labels.entries()) {
    const { label: told, probability } = mostLikely(probabilities, image, classes);
    const bin = sums[Math.min(BINS, Math.max(1, Math.ceil(probability * BINS))) - 1];
    if (bin === undefined) continue;
    bin.count += 1;
    bin.confidence += probability;
    if (told === label) bin.right += 1;
  }
  return sums;
}

function mostLikely(
  probabilities: Float64Array,
  image: number,
  classes: number,
): { readonly label: number; readonly probability: number } {
  let label = 0;
  for (let other = 1; other < classes; other++) {
    const [best = 0, value = 0] = [label, other].map((c) => probabilities[image * classes + c]);
    if (value > best) label = other;
  }
  return { label, probability: probabilities[image * classes + label] ?? NaN };
}
