// The rays of all seeds as the lines that are committed: means over the directions.
import { join } from 'node:path';

import { readLines, writeLines } from '../lines.js';
import { type Ray, raysFile } from './measure-flatness.js';

/** A point around a solution: a line of `flatness.jsonl`. */
export interface FlatnessLine {
  readonly seed: number;
  readonly solution: string;
  readonly scaling: string;
  readonly distance: number;
  /** How many directions the means are over. */
  readonly directions: number;
  readonly trainLoss: number;
  readonly testError: number;
  /** The length of the solution's weights. */
  readonly norm: number;
}

/** Writes `flatness.jsonl`. */
export async function collectFlatness(folders: readonly string[], output: string): Promise<void> {
  const rays: Ray[] = [];
  for (const folder of folders) rays.push(...(await readLines<Ray>(raysFile(folder))));
  await writeLines(join(output, 'flatness.jsonl'), linesOf(rays));
}

/** A line for each seed, solution, scaling and distance, in the order of the rays. */
export function linesOf(rays: readonly Ray[]): readonly FlatnessLine[] {
  const first = rays.filter(({ direction }) => direction === 0);
  return first.flatMap(({ seed, solution, scaling, norm, distances }) => {
    const group = rays.filter(
      (ray) => ray.seed === seed && ray.solution === solution && ray.scaling === scaling,
    );
    return distances.map((distance, index) => ({
      seed,
      solution,
      scaling,
      distance,
      directions: group.length,
      trainLoss: mean(group.map(({ trainLoss }) => trainLoss[index] ?? NaN)),
      testError: mean(group.map(({ testError }) => testError[index] ?? NaN)),
      norm: rounded(norm),
    }));
  });
}

function mean(values: readonly number[]): number {
  return rounded(values.reduce((sum, value) => sum + value, 0) / values.length);
}

function rounded(value: number): number {
  return Number(value.toFixed(5));
}
