// The mean of predictions that are added one by one.
import { PolyakError } from '@polyak/core';
import { addToMean, finishMean, startMean } from '@polyak/core/kit';
import type { HostMean } from '@polyak/core/kit';

export class PredictionMean {
  readonly #call: string;
  #mean: HostMean | undefined;
  #count = 0;

  /** @param call - the method, for messages */
  constructor(call: string) {
    this.#call = call;
  }

  /**
   * Adds the prediction of one more sample.
   *
   * @param predicted - copied
   * @throws TypeError, RangeError, PolyakError where it cannot be averaged with those before
   */
  add(predicted: ArrayLike<number>): void {
    const data = checked(this.#call, predicted, this.#count, this.#mean?.mean.length);
    const tensor = { dtype: 'float64', shape: [data.length], data } as const;
    this.#count += 1;
    if (this.#mean === undefined) this.#mean = startMean(tensor);
    else addToMean(this.#mean, tensor, 1 / this.#count);
  }

  /** The mean of the predictions, of which there is one at least. */
  get value(): Float64Array {
    return this.#mean === undefined
      ? new Float64Array()
      : (finishMean(this.#mean).data as Float64Array);
  }
}

function checked(
  call: string,
  predicted: ArrayLike<number>,
  sample: number,
  length: number | undefined,
): Float64Array {
  // What JavaScript passes may be anything.
  const given: unknown = predicted;
  const { length: found } = Object(given) as Partial<ArrayLike<number>>;
  if (typeof given !== 'object' || !Number.isSafeInteger(found)) {
    throw new TypeError(
      `${call}: predict returned ${given === null ? 'null' : `a value of type ${typeof given}`}, ` +
        "expected a list of numbers. Return an array, such as a tensor's data.",
    );
  }
  if (length !== undefined && predicted.length !== length) {
    throw new RangeError(
      `${call}: predict returned ${predicted.length} numbers for sample ${sample}, but ${length} ` +
        'for those before. Predict the same inputs each time.',
    );
  }
  const copy = Float64Array.from(predicted, (value) => (typeof value === 'number' ? value : NaN));
  const bad = copy.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return copy;
  throw new PolyakError(
    'ERR_NON_FINITE',
    `${call}: predict returned ${String(predicted[bad])} at index ${bad} for sample ${sample}, ` +
      'expected finite numbers.',
  );
}
