// The rays of all seeds as the lines that are committed.
import { join } from 'node:path';

import { readLines, writeLines } from '@polyak/example-shared/json-lines';
import { type Ray, raysFile } from './measure-flatness.js';

/** A point near a solution: a line of `flatness.jsonl`. */
interface FlatnessLine {
  /** Names the scaling of the directions: `cifar10-unit`, `cifar10-filter`. */
  readonly experiment: string;
  readonly budget: number;
  readonly seed: number;
  readonly method: string;
  readonly direction: number;
  readonly distance: number;
  /** In nats. */
  readonly trainLoss: number;
  /** In percent. */
  readonly testError: number;
  /** The length of the solution's weights. */
  readonly norm: number;
}

/** Writes `flatness.jsonl`. */
export async function collectFlatness(
  folders: readonly string[],
  output: string,
  budget: number,
): Promise<void> {
  const rays: Ray[] = [];
  for (const folder of folders) rays.push(...(await readLines<Ray>(raysFile(folder))));
  await writeLines(join(output, 'flatness.jsonl'), linesOf(rays, budget));
}

/** A line for each point, sorted by scaling and solution, in the order of the rays. */
export function linesOf(rays: readonly Ray[], budget: number): readonly FlatnessLine[] {
  const key = ({ scaling, solution }: Ray): string => `${scaling} ${solution}`;
  const sorted = rays.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return sorted.flatMap(({ scaling, seed, solution, direction, norm, distances, ...ray }) =>
    distances.map((distance, index) => ({
      experiment: `cifar10-${scaling}`,
      budget,
      seed,
      method: solution,
      direction,
      distance,
      trainLoss: rounded(ray.trainLoss[index] ?? NaN),
      testError: rounded(ray.testError[index] ?? NaN),
      norm: rounded(norm),
    })),
  );
}

function rounded(value: number): number {
  return Number(value.toFixed(5));
}
