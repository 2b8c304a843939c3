// A problem so small that it trains in a moment.
import { IMAGE_BYTES, type Images } from '../src/cifar10.js';
import { randomBelow, randomOf } from '../src/random.js';
import type { EpochLine } from '../src/run-leg.js';
import type { SeedRun } from '../src/run-seed.js';
import type { Ending, Settings } from '../src/settings.js';
import type { Score } from '../src/trainer.js';

/** Images of noise, brighter the higher the class. */
export function noise(count: number, seed: number): Images {
  const random = randomOf(seed);
  const labels = Uint8Array.from({ length: count }, () => randomBelow(10, random));
  const pixels = Uint8Array.from(
    { length: count * IMAGE_BYTES },
    (_, index) => 20 * (labels[Math.floor(index / IMAGE_BYTES)] ?? 0) + randomBelow(50, random),
  );
  return { pixels, labels, count };
}

export const tinyProblem = { train: noise(24, 1), test: noise(10, 2) };

export const tinySettings: Settings = {
  seed: 1,
  epochs: 4,
  network: { depth: 8, width: 1 },
  batchSize: 8,
  initialRate: 0.05,
  momentum: 0.9,
  weightDecay: 5e-4,
  scoreEvery: 2,
};

export const tinyEndings: readonly Ending[] = [
  { name: 'sgd', finalRate: 0.0005, averages: [] },
  {
    name: 'swa-0.02',
    finalRate: 0.02,
    averages: [
      { from: 0.5, every: 1 },
      { from: 0.75, every: 2 },
    ],
  },
];

/** Images as a file of CIFAR-10's binary format. */
export function encodeCifar10({ pixels, labels, count }: Images): Uint8Array {
  const file = new Uint8Array(count * (1 + IMAGE_BYTES));
  for (let index = 0; index < count; index++) {
    const record = file.subarray(index * (1 + IMAGE_BYTES), (index + 1) * (1 + IMAGE_BYTES));
    record[0] = labels[index] ?? 0;
    for (let pixel = 0; pixel < 1024; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        record[1 + channel * 1024 + pixel] = pixels[index * IMAGE_BYTES + pixel * 3 + channel] ?? 0;
      }
    }
  }
  return file;
}

/** Two seeds, of which SWA beats SGD with one. */
export const finishedRuns: readonly SeedRun[] = [
  seedRun(1, { sgd: 0.7, averaged: 0.73 }),
  seedRun(2, { sgd: 0.72, averaged: 0.71 }),
];

function seedRun(
  seed: number,
  { sgd, averaged }: { readonly sgd: number; readonly averaged: number },
): SeedRun {
  const line = (leg: string, epoch: number): EpochLine => ({
    seed,
    leg,
    epoch,
    learningRate: 0.05,
    trainLoss: 1,
  });
  const score = (accuracy: number): Score => ({ accuracy, loss: 1 });
  const average = { from: 0.75, oldStatistics: score(0.65), updatedStatistics: score(averaged) };
  return {
    seed,
    shared: { lines: [line('shared', 1), { ...line('shared', 2), live: score(0.5) }], seconds: 10 },
    endings: [
      {
        ending: { name: 'sgd', finalRate: 0.0005, averages: [] },
        lines: [line('sgd', 3), { ...line('sgd', 4), live: score(sgd), averages: [] }],
        seconds: 20,
      },
      {
        ending: { name: 'swa-0.05', finalRate: 0.05, averages: [{ from: 0.75, every: 2 }] },
        lines: [
          line('swa-0.05', 3),
          { ...line('swa-0.05', 4), live: score(0.6), averages: [average] },
        ],
        seconds: 30,
      },
    ],
  };
}
