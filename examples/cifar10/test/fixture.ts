// A problem so small that it trains in a moment.
import { IMAGE_BYTES, type Images } from '../src/cifar10.js';
import { randomBelow, randomOf } from '../src/random.js';
import type { Ending, Settings } from '../src/settings.js';

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
