// Predictions of the members of an ensemble, as plain arrays.
import { PolyakError } from '@polyak/core';
import { shown } from '../state-nodes.js';

/**
 * The predictions of one member: probabilities in [0, 1], one row for each sample, with one number
 * for each class. Whether a row sums to 1 is not checked.
 */
export type Probabilities = Float32Array | Float64Array;

// In float32 a softmax may be a little above 1.
const MOST = 1 + 1e-5;

/**
 * Throws unless there are predictions, all of one length and in [0, 1].
 *
 * @throws RangeError
 * @throws PolyakError `ERR_NON_FINITE`
 */
export function checkedPredictions(
  call: string,
  given: readonly Probabilities[],
): readonly Probabilities[] {
  if (!Array.isArray(given))
    throw new TypeError(`${call}: the predictions are ${shown(given)}, expected a list.`);
  const predictions: Probabilities[] = [];
  for (const values of given as readonly Probabilities[]) {
    if (!isArray(values)) {
      throw new TypeError(
        `${call}: the predictions of member ${predictions.length} are ${shown(values)}, expected ` +
          'a Float32Array or Float64Array.',
      );
    }
    predictions.push(values);
  }
  const length = predictions[0]?.length ?? 0;
  if (length === 0) {
    throw new RangeError(`${call}: there are no predictions. Pass those of one member at least.`);
  }
  for (const [member, values] of predictions.entries()) {
    if (values.length !== length) {
      throw new RangeError(
        `${call}: member ${member} has ${values.length} probabilities, member 0 has ${length}. ` +
          'Predict the same samples with each member.',
      );
    }
    const bad = values.findIndex((value) => !(value >= 0 && value <= MOST));
    if (bad < 0) continue;
    const what =
      `${call}: element ${bad} of member ${member} is ${values[bad]}, expected a probability in ` +
      '[0, 1]';
    if (!Number.isFinite(values[bad])) throw new PolyakError('ERR_NON_FINITE', `${what}.`);
    throw new RangeError(`${what}. Apply softmax to logits first.`);
  }
  return predictions;
}

// By tag, which arrays of another realm have too.
function isArray(values: unknown): boolean {
  return (
    ArrayBuffer.isView(values) &&
    /^Float(32|64)Array$/.test((values as Probabilities)[Symbol.toStringTag])
  );
}

/**
 * The number of rows in predictions of so many classes.
 *
 * @throws RangeError where `classes` does not divide their length
 */
export function sampleCount(call: string, { length }: Probabilities, classes: number): number {
  if (Number.isSafeInteger(classes) && classes >= 1 && length % classes === 0)
    return length / classes;
  throw new RangeError(
    `${call}: classes is ${shown(classes)}, expected an integer >= 1 that divides the ${length} ` +
      'probabilities.',
  );
}
