// The mean of predictions that come one after another, each checked before it is taken in.
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
   * Takes in the prediction of one more sample.
   *
   * @param predicted - copied
   * @throws TypeError, RangeError, PolyakError where averaging it would make nonsense
   */
  add(predicted: ArrayLike<number>): void {
    const data = checked(this.#call, predicted, this.#count, this.#mean?.mean.length);
    const tensor = { dtype: 'float64', shape: [data.length], data } as const;
    this.#count += 1;
    if (this.#mean === undefined) this.#mean = startMean(tensor);
    else addToMean(this.#mean, tensor, 1 / this.#count);
  }

  /** The mean of what was taken in, one prediction at least. */
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
  if (typeof (predicted as ArrayLike<number> | undefined)?.length !== 'number') {
    throw new TypeError(
      `${call}: predict returned no list of numbers. Return an array, such as a tensor's data.`,
    );
  }
  if (length !== undefined && predicted.length !== length) {
    throw new RangeError(
      `${call}: predict returned ${predicted.length} numbers for sample ${sample}, ${length} ` +
        'before.',
    );
  }
  const copy = Float64Array.from(predicted);
  const bad = copy.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return copy;
  throw new PolyakError(
    'ERR_NON_FINITE',
    `${call}: predict returned ${String(predicted[bad])} as number ${bad} for sample ${sample}.`,
  );
}
