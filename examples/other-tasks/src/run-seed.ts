// All trainings of one task with one seed, and the file that they go into.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';

import { readLines, writeLines } from '@polyak/example-shared/json-lines';
import { RUNS } from './runs.js';
import { type EpochLine, train, type TrainingOptions } from './train.js';

/** Which trainings, and where to write their lines. */
export interface SeedOptions extends Omit<TrainingOptions, 'run' | 'lr'> {
  /** A line for each epoch; trainings that are in it are not trained again. */
  readonly file: string;
  /** Called after each training. */
  readonly onTraining?: (lines: readonly EpochLine[], seconds: number) => void;
}

/**
 * Trains all runs: with the candidate rates for scores on the validation samples, with the chosen
 * rates for scores on the test samples.
 */
export async function runSeed(tf: TensorFlowWithLayers, options: SeedOptions): Promise<void> {
  const { task, split, file, onTraining } = options;
  for (const run of RUNS) {
    const rates = split === 'validation' ? task.candidates[run.name] : [task.rates[run.name]];
    for (const lr of rates) {
      const done = await readLines<EpochLine>(file);
      if (done.some((line) => line.run === run.name && line.lr === lr)) continue;
      const startTime = performance.now();
      const lines = await train(tf, { ...options, run, lr });
      await writeLines(file, [...done, ...lines]);
      onTraining?.(lines, (performance.now() - startTime) / 1000);
    }
  }
}
