// One training of the network, with or without averaging: the heart of the demo.
import { modelParameters, tfjsBackend, tfjsOptimizer } from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { SWA } from '@polyak/core';
import type { Parameter } from '@polyak/core';
import type * as TensorFlow from '@tensorflow/tfjs';

import { imageTensor, labelTensor, shuffledBatches } from './batches.js';
import { batchNormOf } from './batch-norm.js';
import { relativeDistance } from './distance.js';
import { createNetwork } from './network.js';
import { batchSize, momentum, type Problem } from './problem.js';
import { mulberry32 } from './random.js';
import type { AveragedMeasurement, Measurement, Observer, Recipe, RunOptions, TrainingRun } from './run.js';
import { scheduleFactor } from './schedule.js';
import { crossEntropy, scoreModel } from './score.js';

type Tensor = TensorFlow.Tensor;

/** A finished training: its record, and what it leaves to evaluate and to save. */
export interface Trained {
  readonly run: TrainingRun;
  readonly model: TensorFlow.LayersModel;
  readonly swa: SWA<Tensor>;
  readonly dispose: () => Promise<void>;
}

/**
 * Trains the network of `options.seed` and measures it twice an epoch.
 *
 * @returns the model with its live weights, for the caller to dispose of
 */
export async function train(
  tf: TensorFlowWithLayers,
  name: TrainingRun['name'],
  recipe: Recipe,
  problem: Problem,
  options: RunOptions,
  observer: Observer,
): Promise<Trained> {
  const stepsPerEpoch = Math.floor(options.trainImages / batchSize);
  const totalSteps = stepsPerEpoch * options.epochs;
  const model = createNetwork(tf, options.seed);
  const optimizer = tf.train.momentum(recipe.initialLearningRate, momentum);
  const parameters = modelParameters(model);
  const { averaging } = recipe;
  const swa = new SWA(tfjsOptimizer(tf, optimizer, parameters), {
    backend: tfjsBackend(tf),
    ...(averaging && { swaStart: averaging.startStep, swaFreq: averaging.everySteps }),
  });

  const startTime = performance.now();
  const random = mulberry32(options.seed);
  const learningRates: number[] = [];
  const measurements: Measurement[] = [];
  const measureEvery = Math.ceil(stepsPerEpoch / 2);
  let losses: number[] = [];
  observer.startRun({ name, epochs: options.epochs, stepsPerEpoch });
  for (let epoch = 1; epoch <= options.epochs; epoch += 1) {
    for (const batch of shuffledBatches(problem.train, batchSize, random)) {
      const progress = learningRates.length / totalSteps;
      const learningRate = recipe.initialLearningRate * scheduleFactor(progress, finalRatio(recipe));
      for (const group of swa.paramGroups) group.lr = learningRate;
      const [images, labels] = [imageTensor(tf, batch), labelTensor(tf, batch)];
      const cost = await swa.step(() =>
        optimizer.minimize(
          () => crossEntropy(tf, labels, model.apply(images, { training: true }) as Tensor),
          true,
        ),
      );
      const [loss = NaN] = (await cost?.data()) ?? [];
      tf.dispose([images, labels, ...(cost ? [cost] : [])]);
      losses.push(loss);
      learningRates.push(learningRate);
      const step = learningRates.length;
      observer.step({ step, loss, learningRate });
      if (step % measureEvery !== 0 && step !== totalSteps) continue;
      const averaged = await measureAverages(tf, model, swa, parameters, problem);
      const measurement = {
        epoch: step / stepsPerEpoch,
        learningRate,
        trainLoss: losses.reduce((sum, value) => sum + value, 0) / losses.length,
        live: await scoreModel(tf, model, problem.test),
        ...(averaged && { averaged }),
      };
      losses = [];
      measurements.push(measurement);
      observer.measure(measurement);
    }
  }
  const seconds = (performance.now() - startTime) / 1000;
  const run = { name, recipe, learningRates, measurements, seconds };
  observer.endRun(run);
  return {
    run,
    model,
    swa,
    async dispose() {
      await swa.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };
}

function finalRatio({ initialLearningRate, finalLearningRate }: Recipe): number {
  return finalLearningRate / initialLearningRate;
}

async function measureAverages(
  tf: TensorFlowWithLayers,
  model: TensorFlow.LayersModel,
  swa: SWA<Tensor>,
  parameters: readonly Parameter<Tensor>[],
  problem: Problem,
): Promise<AveragedMeasurement | undefined> {
  if (swa.paramGroups.every(({ nAvg }) => nAvg === 0)) return undefined;
  const live = await tfjsBackend(tf).download(parameters.map((parameter) => parameter.get()));
  const { swaState } = await swa.stateDict();
  const named = Object.fromEntries(parameters.map(({ name }, index) => [name, live[index] ?? fail(name)]));
  return {
    distance: relativeDistance(swaState, named),
    score: await swa.withAveraged(
      async () => scoreModel(tf, model, problem.test),
      batchNormOf(tf, model, problem.train),
    ),
  };
}

function fail(name: string): never {
  throw new Error(`The backend gave nothing for "${name}".`);
}
