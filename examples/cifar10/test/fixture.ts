// A problem so small that it trains in a moment, and legs for it.
import { IMAGE_BYTES, type Images } from '../src/data/cifar10.js';
import { randomBelow, randomOf } from '../src/data/random.js';
import type { Leg, Observer } from '../src/plan/leg.js';
import type { Settings } from '../src/plan/settings.js';

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
  network: { depth: 8, width: 1 },
  batchSize: 8,
  initialRate: 0.05,
  momentum: 0.9,
  weightDecay: 5e-4,
  scoreEvery: 2,
};

const ema: Observer = {
  name: 'ema',
  averages: {
    'ema-0.9': { kind: 'exponential', decay: 0.9 },
    'ema-0.99-warm-up': { kind: 'rational-warm-up', decay: 0.99 },
  },
  from: 0,
  every: 1,
  keptAfter: [2, 4],
  isScored: false,
};

/** Three steps an epoch: it begins in the middle of the second. */
const swa: Observer = {
  name: 'swa-from-50',
  averages: { swa: { kind: 'equal' } },
  from: 1.67,
  every: 2,
  keptAfter: [4],
  isScored: true,
};

const tinyTrunk: Leg = {
  name: 'trunk',
  lastEpoch: 4,
  rates: { kind: 'constant' },
  observers: [ema, { ...swa, name: 'swa-4-from-50', isScored: false }],
  branches: [2],
};

export const tinySgd: Leg = {
  name: 'sgd-4',
  after: { leg: tinyTrunk, epoch: 2 },
  lastEpoch: 4,
  rates: { kind: 'paper', finalRate: 0.0005 },
  observers: [ema],
  branches: [3],
};

export const tinySwa: Leg = {
  name: 'swa-0.02-4',
  after: { leg: tinyTrunk, epoch: 2 },
  lastEpoch: 4,
  rates: { kind: 'paper', finalRate: 0.02 },
  observers: [{ ...swa, from: 2 }],
  branches: [],
};

export const tinyFge: Leg = {
  name: 'fge-2-4',
  after: { leg: tinySgd, epoch: 3 },
  lastEpoch: 4,
  rates: { kind: 'triangles', highest: 0.02, lowest: 0.001, cycleEpochs: 2 },
  observers: [],
  branches: [],
};

export const tinyLegs: readonly Leg[] = [tinySgd, tinySwa, tinyTrunk, tinyFge];

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
