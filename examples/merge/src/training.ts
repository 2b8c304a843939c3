// The two trainings: at a constant rate, which saves files to merge; and with a decayed rate, which
// the merges stand in for.
import { join } from 'node:path';
import { AveragedModel } from '@polyak/core';
import { gammaOf, powerFunction } from '@polyak/core/rules';
import type { Problem } from '@polyak/example-mnist/problem';
import type { Score } from '@polyak/example-mnist/run';
import type { AnyRuntime } from '@polyak/example-mnist/runtime';
import { swaPaperLr } from '@polyak/schedules';
import type { Saved, Snapshot } from './merges.js';
import { createModel, save, scoreWeights, train } from './model.js';
import type { Model } from './model.js';
import type { MergeOptions } from './options.js';
import { showProgress } from './progress.js';
import type { ProgressStream } from './progress.js';

/** What both trainings share. */
export interface Job {
  readonly runtime: AnyRuntime;
  readonly problem: Problem;
  readonly options: MergeOptions;
  /** How many steps to train. */
  readonly steps: number;
  /** For progress. */
  readonly stream: ProgressStream;
}

const LEARNING_RATE = 0.1;
const CHECKPOINTS = 50;
const SNAPSHOTS = 8;
// Of the running averages, as shares of the run.
const WIDTHS = [0.05, 0.1];

/** The number of steps from a checkpoint to the next. */
export function intervalOf(steps: number): number {
  return Math.max(1, Math.floor(steps / CHECKPOINTS));
}

/**
 * Trains at a constant rate. Saves the weights often, and running averages of two widths rarely.
 *
 * @param job - what to train
 * @param model - a new one; afterwards it has the last weights
 * @param folder - where the files go
 */
export async function trainAndSave(
  { runtime: { backend }, options, steps, stream }: Job,
  model: Model,
  folder: string,
): Promise<{ readonly saved: readonly Saved[]; readonly snapshots: readonly Snapshot[] }> {
  const saved: Saved[] = [];
  const snapshots: Snapshot[] = [];
  const profiles = WIDTHS.map((width) => ({ name: `width-${width}`, gamma: gammaOf(width) }));
  const averages = Object.fromEntries(
    profiles.map(({ name, gamma }) => [name, powerFunction(gamma)]),
  );
  const running = new AveragedModel(model.parameters, { backend, averages });
  const progress = showProgress(stream, 'training at a constant rate, steps', steps);
  await train(model, {
    ...options,
    schedule: () => LEARNING_RATE,
    async afterStep(step) {
      await running.update();
      const pathOf = (name: string): string =>
        join(folder, `${name}-${String(step).padStart(6, '0')}.safetensors`);
      // The last step is the end of an interval.
      if ((steps - step) % intervalOf(steps) === 0) {
        saved.push({ step, path: pathOf('step') });
        await save(pathOf('step'), await model.weights.read());
      }
      if (Math.floor((step * SNAPSHOTS) / steps) > Math.floor(((step - 1) * SNAPSHOTS) / steps)) {
        const state = await running.stateDict();
        for (const { name, gamma } of profiles) {
          snapshots.push({ step, gamma, path: pathOf(name) });
          await save(pathOf(name), state.averages[name]?.swaState ?? {});
        }
      }
      progress.update(step);
    },
  });
  progress.end();
  await running.dispose();
  return { saved, snapshots };
}

/**
 * Trains with the same seed, and a rate that falls to a hundredth in the second half.
 *
 * @returns the score of the last weights
 */
export async function scoreDecayed(job: Job): Promise<Score> {
  const { runtime, problem, options, steps, stream } = job;
  const model = await createModel(runtime, problem, options.seed);
  const progress = showProgress(stream, 'training with a decayed rate, steps', steps);
  await train(model, {
    ...options,
    schedule: swaPaperLr({ lr: LEARNING_RATE, finalLr: LEARNING_RATE / 100, totalSteps: steps }),
    afterStep: (step) => progress.update(step),
  });
  progress.end();
  const score = await scoreWeights(model, await model.weights.read());
  await model.network.dispose();
  return score;
}
