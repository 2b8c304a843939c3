// Trains by a fleet, kills a worker on the way, and compares with a single process.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compare } from './compare.js';
import type { FleetOptions } from './options.js';
import type { FleetResult } from './result.js';
import { Task } from './task.js';
import { trainByFleet } from './train-by-fleet.js';

/**
 * Runs the example.
 *
 * @param options - see {@link FleetOptions}
 * @param say - for progress
 */
export async function runDemo(
  options: FleetOptions,
  say: (text: string) => void,
): Promise<FleetResult> {
  const { seed, trainImages, backend } = options;
  const begun = performance.now();
  const task = await Task.open({ seed, trainImages, backend });
  const folder = join(options.output, 'store');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const weights = await task.initialWeights();
  const trained = await trainByFleet(options, folder, weights, say);
  const rows = await compare(task, weights, trained, options, say);
  return {
    options,
    backend: task.backend,
    testImages: task.testImages,
    rows,
    jobs: trained.jobs,
    killed: trained.killed,
    seconds: (performance.now() - begun) / 1000,
  };
}
