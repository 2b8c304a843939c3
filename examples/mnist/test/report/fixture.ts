// A finished run with made-up numbers, for the tests of what is shown of it.
import type { FinalScores, Measurement, RunResult } from '../../src/run.js';

/** Final scores with these accuracies; losses fall as accuracies rise. */
export function finalScores(sgd: number, swaOld: number, swaUpdated: number): FinalScores {
  const score = (accuracy: number): FinalScores['sgd'] => ({ accuracy, loss: 2 * (1 - accuracy) });
  return {
    sgd: score(sgd),
    swaOldStatistics: score(swaOld),
    swaUpdatedStatistics: score(swaUpdated),
  };
}

/** A run of two epochs of two steps, averaged in the second. */
export const finishedRun: RunResult = {
  options: { seed: 7, epochs: 2, backend: 'auto', trainImages: 256, output: '/nowhere' },
  settings: {
    backend: 'tfjs:<wasm>',
    batchSize: 128,
    stepsPerEpoch: 2,
    momentum: 0.9,
    trainImages: 256,
    testImages: 10_000,
    versions: { node: '20.0.0' },
  },
  sgd: {
    name: 'SGD',
    recipe: { initialLearningRate: 0.1, finalLearningRate: 0.001 },
    learningRates: [0.1, 0.1, 0.1, 0.04],
    measurements: [measurement(1, 0.9), measurement(2, 0.95)],
    seconds: 3,
  },
  swa: {
    name: 'SWA',
    recipe: {
      initialLearningRate: 0.1,
      finalLearningRate: 0.1,
      averaging: { startStep: 2, everySteps: 1 },
    },
    learningRates: [0.1, 0.1, 0.1, 0.1],
    measurements: [
      measurement(1, 0.9),
      {
        ...measurement(2, 0.93),
        averaged: { score: { accuracy: 0.96, loss: 0.08 }, distance: 0.05 },
      },
    ],
    seconds: 4,
  },
  final: finalScores(0.95, 0.955, 0.96),
  seconds: 8,
};

/** The same run, of another seed and with other scores. */
export function runOfSeed(seed: number, final: FinalScores): RunResult {
  return { ...finishedRun, options: { ...finishedRun.options, seed }, final };
}

function measurement(epoch: number, accuracy: number): Measurement {
  return {
    epoch,
    learningRate: 0.1,
    trainLoss: 0.2,
    live: { accuracy, loss: 2 * (1 - accuracy) },
  };
}
