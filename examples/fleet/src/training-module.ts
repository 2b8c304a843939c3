// What the workers of the fleet run: a module with `train`.
import type { Contribution, Settings, TrainRequest } from '@polyak/fleet';
import type { BackendName } from '@polyak/example-mnist/run';
import { Task } from './task.js';

/** Trains some steps from the weights of the round. */
export async function train(request: TrainRequest): Promise<Contribution> {
  const { weights, steps, seed, options, signal } = request;
  const started = Date.now();
  const settings = options as ModuleSettings;
  const task = await taskOf(settings);
  const { batchSize, lr, finalLr } = settings;
  const trained = await task.train(weights, {
    steps,
    batchSize,
    lr,
    finalLr,
    order: seed,
    signal,
  });
  return {
    weights: trained.weights,
    samples: steps * batchSize,
    metrics: { loss: trained.loss, process: process.ppid, started, ended: Date.now() },
  };
}

/** The settings of a round. */
export interface ModuleSettings extends Settings {
  readonly trainImages: number;
  readonly dataSeed: number;
  readonly backend: BackendName;
  readonly batchSize: number;
  /** The learning rate of the first step. */
  readonly lr: number;
  /** The rate after the last. */
  readonly finalLr: number;
}

// A process does many jobs; the digits are read once.
let opened: Promise<Task> | undefined;

async function taskOf({ trainImages, dataSeed, backend }: ModuleSettings): Promise<Task> {
  opened ??= Task.open({ trainImages, seed: dataSeed, backend });
  return await opened;
}
