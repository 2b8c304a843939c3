// The pictures of a run: to train on, and to take scores on.
import { readMnist } from '@polyak/example-mnist/mnist';
import type { Digits } from '@polyak/example-mnist/mnist';
import { mulberry32 } from '@polyak/example-mnist/random';
import { PIXELS } from './pictures/canvas.js';
import { drawPictures } from './pictures/pictures.js';
import type { Pictures } from './pictures/pictures.js';

/** Pictures to take scores on. */
export const SCORED_PICTURES = 512;
/** Where scores are taken: `validation` while settings are chosen, `test` for what is reported. */
export type ScoredPart = 'validation' | 'test';

// MNIST's training digits from this one on are for validation.
const VALIDATION_START = 50_000;
// The same pictures whatever the seed of a run, which is smaller.
const SEEDS: Readonly<Record<ScoredPart, number>> = { validation: 2 ** 31, test: 2 ** 31 + 1 };

/** The pictures of all runs. */
export interface Problem {
  /** What scores are taken on. */
  readonly scored: Pictures;
  /** Draws what the run of a seed learns from. */
  drawTraining(seed: number, count: number): Pictures;
}

/** Reads the digits. No digit is in two of training, validation and test. */
export async function loadProblem(
  part: ScoredPart,
  count: number = SCORED_PICTURES,
): Promise<Problem> {
  const digits = await readMnist('train');
  const training = sliceDigits(digits, 0, VALIDATION_START);
  const scored =
    part === 'test' ? await readMnist('test') : sliceDigits(digits, VALIDATION_START, digits.count);
  return {
    scored: drawPictures(scored, count, mulberry32(SEEDS[part])),
    drawTraining: (seed, pictures) => drawPictures(training, pictures, mulberry32(seed)),
  };
}

/** Some of the pictures, in the order of `indices`. */
export function selectPictures({ images, masks }: Pictures, indices: Uint32Array): Pictures {
  const select = (from: Float32Array): Float32Array => {
    const to = new Float32Array(indices.length * PIXELS);
    for (const [row, index] of indices.entries()) {
      to.set(from.subarray(index * PIXELS, (index + 1) * PIXELS), row * PIXELS);
    }
    return to;
  };
  return { images: select(images), masks: select(masks), count: indices.length };
}

/** Shares memory with `digits`. */
function sliceDigits({ images, labels }: Digits, start: number, end: number): Digits {
  const pixels = images.length / labels.length;
  return {
    images: images.subarray(start * pixels, end * pixels),
    labels: labels.subarray(start, end),
    count: end - start,
  };
}
