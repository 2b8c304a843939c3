// Three spirals in the plane: a task that a network of 99 weights learns in seconds.
import { mulberry32 } from '@polyak/example-mnist/random';
import { normal } from './normal.js';
import type { Examples, Task } from './task.js';
import { plans } from './task.js';
import { withRandomLabels } from './wrong-labels.js';

const classes = 3;
const turns = 0.75;
/** The standard deviation of the angle, in radians. */
const jitter = 0.1;
const testCount = 900;

/** All points lie within this distance of the origin. */
export const spiralRadius = 3;

/**
 * The spirals of a seed.
 *
 * @param noise - the share of training labels that are drawn at random, 0 to 1
 */
export function spirals(seed: number, noise: number): Task {
  const random = mulberry32(seed);
  const train = points(plans.spirals.trainCount, random);
  const test = points(testCount, random);
  const labels = withRandomLabels(train.labels, { share: noise, classes, random });
  return { name: 'spirals', features: 2, classes, train: { ...train, labels }, test };
}

/** Points on the spirals, the classes in turn. */
function points(count: number, random: () => number): Examples {
  const inputs = new Float32Array(2 * count);
  const labels = Uint8Array.from({ length: count }, (_, index) => index % classes);
  labels.forEach((label, index) => {
    const along = random() / 2 ** 32;
    const angle = 2 * Math.PI * (turns * along + label / classes) + jitter * normal(random);
    inputs[2 * index] = spiralRadius * along * Math.cos(angle);
    inputs[2 * index + 1] = spiralRadius * along * Math.sin(angle);
  });
  return { inputs, labels, count };
}
