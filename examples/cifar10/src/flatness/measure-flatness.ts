// How wide solutions are: training loss and test error along random directions around each.
import { join } from 'node:path';

import type { NamedTensors } from '@polyak/core';

import { trainingBatches } from '../data/batches.js';
import { sliceImages } from '../data/cifar10.js';
import { readLines, writeLines } from '@polyak/example-shared/json-lines';
import { scoreOf } from '../methods/score.js';
import type { Ingredient } from '../methods/soups.js';
import { createWorkbench } from '../methods/workbench.js';
import { createNetwork, type Network } from '../network/network.js';
import { isTrained } from '../training/is-trained.js';
import type { Surroundings } from '../training/surroundings.js';
import { directionAt, moved, normOf, type Scaling } from './directions.js';

const DIRECTIONS = 5;
/** Batches that update batch norm at each point: always the same. */
const BATCHES = 8;
/** Training images whose loss is taken: always the same, as they are. */
const TRAIN_IMAGES = 2000;
/** Distances along directions: in weight space, and in parts of each filter's length. */
const DISTANCES: Readonly<Record<Scaling, readonly number[]>> = {
  unit: [0, 0.5, 1, 1.5, 2, 3, 4, 6],
  filter: [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6],
};

/** One direction around one solution. */
export interface Ray {
  readonly seed: number;
  readonly solution: string;
  readonly scaling: Scaling;
  /** Which of the random directions; the same for all solutions of a seed. */
  readonly direction: number;
  /** The length of the solution's weights. */
  readonly norm: number;
  readonly distances: readonly number[];
  /** In nats, on training images as they are. */
  readonly trainLoss: readonly number[];
  /** In percent. */
  readonly testError: readonly number[];
}

/**
 * Measures the rays around solutions of a seed that are trained and not yet measured. Each is
 * written to `rays.jsonl` at once.
 */
export async function measureFlatness(
  surroundings: Surroundings,
  solutions: readonly Ingredient[],
  onRay: (ray: Ray) => void,
): Promise<void> {
  const { tf, settings, problem, folder } = surroundings;
  const network = createNetwork(tf, settings.network, settings.seed);
  const images = { images: problem.test, validation: undefined };
  const workbench = createWorkbench(network, surroundings, images);
  const rays = [...(await readLines<Ray>(raysFile(folder)))];
  const keyOf = (ray: Pick<Ray, 'solution' | 'scaling' | 'direction'>): string =>
    `${ray.solution} ${ray.scaling} ${ray.direction}`;
  const measured = new Set(rays.map(keyOf));
  for (const { name, leg, read } of solutions) {
    if (!(await isTrained(leg, leg.lastEpoch, surroundings))) continue;
    const weights = await read(workbench);
    for (const scaling of ['unit', 'filter'] as const) {
      for (let direction = 0; direction < DIRECTIONS; direction += 1) {
        if (measured.has(keyOf({ solution: name, scaling, direction }))) continue;
        const along = directionAt(weights, scaling, settings.seed, direction);
        const distances = DISTANCES[scaling];
        const points = [];
        for (const distance of distances) {
          const point = moved(weights, along, distance);
          points.push(await measurePoint(network, surroundings, point, leg.lastEpoch));
        }
        const ray: Ray = {
          seed: settings.seed,
          solution: name,
          scaling,
          direction,
          norm: normOf(weights),
          distances,
          trainLoss: points.map(({ trainLoss }) => trainLoss),
          testError: points.map(({ testError }) => testError),
        };
        rays.push(ray);
        await writeLines(raysFile(folder), rays);
        onRay(ray);
      }
    }
  }
  network.dispose();
}

/** Where a seed's rays are. */
export function raysFile(folder: string): string {
  return join(folder, 'rays.jsonl');
}

async function measurePoint(
  network: Network,
  { problem, settings }: Surroundings,
  weights: NamedTensors,
  epoch: number,
): Promise<{ readonly trainLoss: number; readonly testError: number }> {
  const batches = {
    [Symbol.iterator]: () =>
      trainingBatches(problem.train, settings.batchSize, settings.seed, epoch),
  };
  const batchNorm = { ...network.batchNormOn(batches), maxBatches: BATCHES };
  const train = sliceImages(problem.train, 0, Math.min(TRAIN_IMAGES, problem.train.count));
  const measure = async (): Promise<{ trainLoss: number; testError: number }> => {
    const { logLoss } = scoreOf(await network.predict(train), train.labels);
    const { accuracy } = scoreOf(await network.predict(problem.test), problem.test.labels);
    return { trainLoss: logLoss, testError: 100 * (1 - accuracy) };
  };
  return network.weights.withWeights(weights, measure, { batchNorm });
}
