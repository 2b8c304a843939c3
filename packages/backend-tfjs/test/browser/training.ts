// Training in the page, with everything that a test needs to recompute its averages and statistics
// in float64.
import {
  batchNormModel,
  modelParameters,
  swaCallback,
  tfjsBackend,
  tfjsOptimizer,
} from '@polyak/backend-tfjs';
import { bnUpdate, SWA } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { values } from '../training/training.js';

const SIZE = 6;
const CHANNELS = 2;
const BATCHES = [16, 9];
const STEPS = 12;

/**
 * All trainable weights, in the order of `model.trainableWeights`: first the convolution's kernel
 * and bias.
 */
export type Weights = readonly (readonly number[])[];

/** Weights after a step, and whether that step was averaged. */
interface Visited {
  readonly isAveraged: boolean;
  readonly weights: Weights;
}

/** What tfjs holds. */
interface Held {
  readonly tensors: number;
  readonly bytes: number;
  readonly bytesOnDevice: number;
}

/** What a run of {@link train} saw. */
export interface Training {
  readonly losses: readonly number[];
  readonly visited: readonly Visited[];
  /** The weights while swapped, and after swapping back. */
  readonly averages: Weights;
  readonly live: Weights;
  /**
   * The statistics for the averages, and what the convolution before batch norm was given:
   * [samples, 6, 6, 2].
   */
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  readonly inputs: readonly number[];
  /** After each of 50 rounds of an update and two swaps. */
  readonly rounds: readonly Held[];
}

/**
 * Trains a small convolutional network by `SWA.step`, swaps, updates its batch norm, swaps back,
 * and goes on swapping.
 */
export async function train(): Promise<Training> {
  const { model, batches } = problem();
  const { x, y } = batches[0] as Batch;
  const optimizer = tf.train.momentum(0.01, 0.9);
  const swa = new SWA(tfjsOptimizer(tf, optimizer, modelParameters(model)), {
    backend: tfjsBackend(tf),
    swaStart: 3,
    swaFreq: 2,
    swaLr: 0.02,
  });
  const lossOf = (): tf.Scalar =>
    tf.losses.meanSquaredError(y, model.apply(x, { training: true }) as tf.Tensor);

  const losses: number[] = [];
  const visited: Visited[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const before = swa.paramGroups[0]?.nAvg;
    const loss = (await swa.step(() => optimizer.minimize(lossOf, true))) as tf.Scalar;
    losses.push(...(await read(loss)));
    loss.dispose();
    const isAveraged = swa.paramGroups[0]?.nAvg !== before;
    visited.push({ isAveraged, weights: await weightsOf(model) });
  }

  await swa.swapSwaSgd();
  const averages = await weightsOf(model);
  const batchNorm = batchNormModel(tf, model);
  const loader = batches.map((batch) => batch.x);
  await bnUpdate(loader, batchNorm, { statistics: 'pooled' });
  const statistics = await batchNorm.layers[0]?.read();
  await swa.swapSwaSgd();
  const live = await weightsOf(model);

  const rounds: Held[] = [];
  for (let round = 0; round < 50; round += 1) {
    await swa.updateSwa();
    await swa.swapSwaSgd();
    await swa.swapSwaSgd();
    rounds.push(held());
  }
  return {
    losses,
    visited,
    averages,
    live,
    mean: [...(statistics?.mean ?? [])],
    variance: [...(statistics?.variance ?? [])],
    inputs: (await Promise.all(loader.map(read))).flat(),
    rounds,
  };
}

/** Trains the same network by `model.fit` with `swaCallback`. */
export async function fit(): Promise<{
  /** The weights after each batch, all averaged, and those that `fit` left in the model. */
  readonly visited: readonly Weights[];
  readonly averages: Weights;
  /** The loss of the averages after each epoch, as it stands in the history. */
  readonly losses: readonly number[];
}> {
  const { model, batches } = problem();
  const { x, y } = batches[0] as Batch;
  model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
  const visited: Weights[] = [];
  const evaluate = async (): Promise<{ loss: number }> => {
    const loss = model.evaluate(x, y) as tf.Scalar;
    const [value = NaN] = await read(loss);
    loss.dispose();
    return { loss: value };
  };
  const { history } = await model.fit(x, y, {
    batchSize: 8,
    epochs: 3,
    verbose: 0,
    callbacks: [
      { onBatchEnd: async () => void visited.push(await weightsOf(model)) },
      swaCallback(tf, model, { swaStart: 0, swaFreq: 1, loader: [x], evaluate }),
    ],
  });
  return { visited, averages: await weightsOf(model), losses: history['swa_loss'] as number[] };
}

interface Batch {
  readonly x: tf.Tensor4D;
  readonly y: tf.Tensor2D;
}

/** Convolution, batch norm, ReLU, dense; two batches. */
function problem(): { model: tf.LayersModel; batches: readonly Batch[] } {
  const { layers } = tf;
  const kernelInitializer = tf.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed: 1 });
  const model = tf.sequential({
    layers: [
      layers.conv2d({
        inputShape: [SIZE, SIZE, CHANNELS],
        filters: 3,
        kernelSize: 3,
        kernelInitializer,
      }),
      layers.batchNormalization({}),
      layers.reLU(),
      layers.flatten(),
      layers.dense({ units: 1, kernelInitializer }),
    ],
  });
  const batches = BATCHES.map((samples, seed) => ({
    // Off centre, so that a variance that was computed carelessly shows.
    x: tf.tensor4d(
      values(samples * SIZE * SIZE * CHANNELS, seed).map((value) => value + 3),
      [samples, SIZE, SIZE, CHANNELS],
    ),
    y: tf.tensor2d(values(samples, seed + 9), [samples, 1]),
  }));
  return { model, batches };
}

async function weightsOf(model: tf.LayersModel): Promise<Weights> {
  return Promise.all(model.trainableWeights.map(async (weight) => read(weight.read())));
}

function held(): Held {
  const { numTensors, numBytes, numBytesInGPU } = tf.memory() as tf.MemoryInfo & {
    numBytesInGPU: number;
  };
  return { tensors: numTensors, bytes: numBytes, bytesOnDevice: numBytesInGPU };
}

/** The elements; webgpu gives them out asynchronously only. */
export async function read(tensor: tf.Tensor): Promise<number[]> {
  return [...(await tensor.data())];
}
