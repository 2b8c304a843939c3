// The demo's two runs, the comparison at the end, and the proof that what it saved can be loaded.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { bnUpdate, toSafetensorsChunks } from '@polyak/core';
import { writeWhole } from '@polyak/example-shared/write-whole';

import { batchSize, loadProblem, momentum } from '../data/problem.js';
import type { Recipe, TrainBoth } from '../run.js';
import { loadRuntime } from '../runtime/runtime.js';
import { train } from './training-run.js';

/** Where the SWA state is within the output folder. */
export const stateFile = 'swa-state.safetensors';

const learningRate = 0.1;
const averagingStart = 0.6;

/**
 * Both anneal on the paper's schedule: SGD to 1 % of its rate, SWA not at all, since averaging
 * takes the place of it.
 */
const recipes = (totalSteps: number): { readonly sgd: Recipe; readonly swa: Recipe } => ({
  sgd: { initialLearningRate: learningRate, finalLearningRate: 0.01 * learningRate },
  swa: {
    initialLearningRate: learningRate,
    finalLearningRate: learningRate,
    averaging: { startStep: Math.floor(averagingStart * totalSteps), everySteps: 1 },
  },
});

/** See {@link TrainBoth}. */
export const trainBoth: TrainBoth = async (options, observer) => {
  const startTime = performance.now();
  // First, so that a folder that cannot be written to is known before the training.
  await mkdir(options.output, { recursive: true });
  const runtime = await loadRuntime(options.backend, (text) => observer.note(text));
  const problem = await loadProblem(options.seed, options.trainImages);
  const stepsPerEpoch = Math.floor(options.trainImages / batchSize);
  const recipe = recipes(stepsPerEpoch * options.epochs);

  const sgd = await train(runtime, 'SGD', recipe.sgd, problem, options, observer);
  const swa = await train(runtime, 'SWA', recipe.swa, problem, options, observer);

  observer.note('Scoring on all test images.');
  await swa.swa.withStateDict((state) =>
    writeWhole(join(options.output, stateFile), toSafetensorsChunks(state)),
  );
  const sgdScore = await sgd.network.score(problem.test);
  await swa.swa.swapSwaSgd();
  const swaOldStatistics = await swa.network.score(problem.test);
  const { loader, model } = swa.network.batchNorm(problem.train);
  await bnUpdate(loader, model);
  const swaUpdatedStatistics = await swa.network.score(problem.test);
  await swa.network.save(join(options.output, runtime.modelName));
  await swa.swa.swapSwaSgd();
  await sgd.dispose();
  await swa.dispose();

  return {
    options,
    settings: {
      backend: runtime.backend.name,
      batchSize,
      stepsPerEpoch,
      momentum,
      trainImages: options.trainImages,
      testImages: problem.test.count,
      versions: { node: process.versions.node, ...runtime.versions },
    },
    sgd: sgd.run,
    swa: swa.run,
    final: { sgd: sgdScore, swaOldStatistics, swaUpdatedStatistics },
    seconds: (performance.now() - startTime) / 1000,
  };
};
