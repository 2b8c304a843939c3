// One training of the network, with or without averaging: the heart of the demo.
import { SWA } from '@polyak/core';
import { swaPaperLr } from '@polyak/schedules';

import { shuffledBatches } from '../data/batches.js';
import { batchSize, type Problem } from '../data/problem.js';
import { mulberry32 } from '../data/random.js';
import type {
  AveragedMeasurement,
  Measurement,
  Observer,
  Recipe,
  RunOptions,
  TrainingRun,
} from '../run.js';
import type { AnyRuntime, Network } from '../runtime/runtime.js';
import { relativeDistance } from './distance.js';

/** A finished training: its record, and what it leaves to evaluate and to save. */
export interface Trained {
  readonly run: TrainingRun;
  readonly network: Network<unknown, unknown>;
  readonly swa: SWA<unknown>;
  readonly dispose: () => Promise<void>;
}

/**
 * Trains the network of `options.seed` and measures it twice an epoch.
 *
 * @returns the network with its live weights, for the caller to dispose of
 */
export async function train(
  runtime: AnyRuntime,
  name: TrainingRun['name'],
  recipe: Recipe,
  problem: Problem,
  options: RunOptions,
  observer: Observer,
): Promise<Trained> {
  const stepsPerEpoch = Math.floor(options.trainImages / batchSize);
  const totalSteps = stepsPerEpoch * options.epochs;
  const network = await runtime.createNetwork(options.seed, recipe.initialLearningRate);
  const { averaging, initialLearningRate: lr, finalLearningRate: finalLr } = recipe;
  const schedule = swaPaperLr({ lr, finalLr, totalSteps });
  const swa = new SWA(network.optimizer, {
    backend: runtime.backend,
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
      const learningRate = schedule(learningRates.length);
      for (const group of swa.paramGroups) group.lr = learningRate;
      const loss = (await swa.step(async () => network.minimize(batch))) ?? NaN;
      losses.push(loss);
      learningRates.push(learningRate);
      const step = learningRates.length;
      observer.step({ step, loss, learningRate });
      if (step % measureEvery !== 0 && step !== totalSteps) continue;
      const averaged = await measureAverages(runtime, network, swa, problem);
      const measurement = {
        epoch: step / stepsPerEpoch,
        learningRate,
        trainLoss: losses.reduce((sum, value) => sum + value, 0) / losses.length,
        live: await network.score(problem.test),
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
    network,
    swa,
    async dispose() {
      await swa.dispose();
      await network.dispose();
    },
  };
}

async function measureAverages(
  { backend }: AnyRuntime,
  network: Network<unknown, unknown>,
  swa: SWA<unknown>,
  problem: Problem,
): Promise<AveragedMeasurement | undefined> {
  if (swa.paramGroups.every(({ nAvg }) => nAvg === 0)) return undefined;
  const parameters = swa.paramGroups.flatMap(({ params }) => params);
  const live = await backend.download(parameters.map((parameter) => parameter.get()));
  const { averages } = await swa.stateDict();
  const named = Object.fromEntries(
    parameters.map(({ name }, index) => [name, live[index] ?? fail(name)]),
  );
  return {
    distance: relativeDistance(averages['swa']?.swaState ?? {}, named),
    score: await swa.withAveraged(async () => network.score(problem.test), {
      batchNorm: network.batchNorm(problem.train),
    }),
  };
}

function fail(name: string): never {
  throw new Error(`The backend gave nothing for "${name}".`);
}
