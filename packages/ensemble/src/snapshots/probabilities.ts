// Predictions as plain arrays, and what makes them fit for an ensemble.
import { PolyakError } from '@polyak/core';

/**
 * The predictions of one member: probabilities in [0, 1], row by row, one row of all classes for
 * each sample. They are taken as they are: that rows sum to 1 is the softmax's affair, not checked.
 */
export type Probabilities = Float32Array | Float64Array;

// A softmax in float32 may round to more than 1.
const MOST = 1 + 1e-5;

/** Refuses lists that are empty, arrays of several lengths, and what is no probability. */
export function checkPredictions(call: string, predictions: readonly Probabilities[]): void {
  const length = predictions[0]?.length ?? 0;
  if (length === 0) throw new RangeError(`${call}: there are no predictions.`);
  for (const [member, values] of predictions.entries()) {
    if (values.length !== length) {
      throw new RangeError(
        `${call}: member ${member} gives ${values.length} probabilities, member 0 ${length}. ` +
          'Predict the same samples with all.',
      );
    }
    const bad = values.findIndex((value) => !(value >= 0 && value <= MOST));
    if (bad < 0) continue;
    const what = `${call}: element ${bad} of member ${member} is ${values[bad]}`;
    if (!Number.isFinite(values[bad])) throw new PolyakError('ERR_NON_FINITE', `${what}.`);
    throw new RangeError(
      `${what}, expected a probability in [0, 1]. Apply softmax to logits first.`,
    );
  }
}

/** The number of samples, where rows of `classes` make up `values`. */
export function sampleCount(call: string, { length }: Probabilities, classes: number): number {
  if (Number.isSafeInteger(classes) && classes >= 1 && length % classes === 0)
    return length / classes;
  throw new RangeError(
    `${call}: classes is ${classes}, expected an integer >= 1 that divides the ${length} ` +
      'probabilities.',
  );
}
