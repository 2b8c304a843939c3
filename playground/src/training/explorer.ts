// Evaluates a network at weights that it does not hold.
import type { NamedTensors } from '@polyak/core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { gridPoints } from '../plane/box.js';
import type { Box } from '../plane/box.js';
import { digitPixels } from '../task/digits.js';
import { pictureSize, shownDigits } from '../task/pictures.js';
import { spiralRadius } from '../task/spirals.js';
import type { Run } from './run.js';
import type { Scores } from './scores.js';
import { classesOf, lossOf, scoresOf } from './scores.js';

/** Evaluates the network of a run; its own weights are back after each call. */
export class Explorer {
  readonly #run: Run;
  readonly #inputs: Tensor2D;

  constructor(run: Run) {
    this.#run = run;
    this.#inputs = run.task.name === 'spirals' ? cells() : firstDigits(run.test.inputs);
  }

  /** Loss on the training data of other weights. */
  trainLoss(weights: NamedTensors): Promise<number> {
    const { live, train } = this.#run;
    return this.#at(weights, () => lossOf(live.model, train));
  }

  /** Loss on the test data of other weights. */
  testLoss(weights: NamedTensors): Promise<number> {
    const { live, test } = this.#run;
    return this.#at(weights, () => lossOf(live.model, test));
  }

  /** All scores of other weights. */
  scores(weights: NamedTensors): Promise<Scores> {
    const { live, train, test } = this.#run;
    return this.#at(weights, () => scoresOf(live.model, train, test));
  }

  /** The classes that the network predicts with the weights it holds, for the picture. */
  predictions(): Promise<Uint8Array> {
    return classesOf(this.#run.live.model, this.#inputs);
  }

  dispose(): void {
    this.#inputs.dispose();
  }

  #at<R>(weights: NamedTensors, evaluate: () => Promise<R>): Promise<R> {
    const { weights: places, batchNorm } = this.#run.live;
    return places.withWeights(weights, evaluate, batchNorm.options);
  }
}

/** The points of the picture of the spirals. */
function cells(): Tensor2D {
  const side = [-spiralRadius, spiralRadius] as const;
  const box: Box = { x: side, y: side };
  return tf.tensor2d(gridPoints(box, pictureSize).flat() as [number, number][]);
}

function firstDigits(inputs: Tensor2D): Tensor2D {
  return tf.slice(inputs, [0, 0], [shownDigits, digitPixels]);
}
