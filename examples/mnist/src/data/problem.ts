// What both runs share: the digits, and the numbers of the training.
import { mulberry32, shuffledIndices } from './random.js';
import { type Digits, readMnist, selectDigits } from './mnist.js';

export const batchSize = 128;
export const momentum = 0.9;

/** Images a forward pass where batch norm is updated; each such batch has moments of its own. */
export const statisticsBatchSize = 400;

/** Images a forward pass where models are scored: a matter of memory, not of the result. */
export const scoreBatchSize = 500;

/** The digits of one seed. */
export interface Problem {
  readonly train: Digits;
  readonly test: Digits;
}

/** Reads the training images that `seed` draws, and all test images in the order of their file. */
export async function loadProblem(seed: number, trainImages: number): Promise<Problem> {
  const [all, test] = await Promise.all([readMnist('train'), readMnist('test')]);
  const drawn = shuffledIndices(all.count, mulberry32(seed)).subarray(0, trainImages);
  return { train: selectDigits(all, drawn), test };
}
