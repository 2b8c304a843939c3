// Trains one network by one run, from the first step to the last.
import { availableParallelism } from 'node:os';

import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';

import type { Run, RunName } from './runs.js';
import { type Parts, pick, pieces, shuffled } from './samples.js';
import type { Task } from './tasks/task.js';
import { type Cost, createTrainer, type Scores } from './trainer.js';

/** What scores are taken on. */
export type Split = 'validation' | 'test';

/** Decides a training, but for the runtime. */
export interface TrainingOptions {
  readonly task: Task;
  readonly parts: Parts;
  readonly split: Split;
  readonly seed: number;
  readonly run: Run;
  /** The initial learning rate. */
  readonly lr: number;
}

/** What is known of a training after one of its epochs: a line of a result file. */
export interface EpochLine {
  readonly task: string;
  readonly split: Split;
  readonly seed: number;
  readonly run: RunName;
  readonly lr: number;
  readonly epoch: number;
  /** The mean cross-entropy of the epoch's batches, in nats. */
  readonly trainLoss: number;
  /** Where scores were taken. */
  readonly scores?: Scores;
  /** By average, in the last line: what it needs besides the model and its training. */
  readonly costs?: Readonly<Record<string, Cost>>;
  /** In the last line: what trained it. */
  readonly machine?: string;
}

/** Trains a new network; a line for each epoch. */
export async function train(
  tf: TensorFlowWithLayers,
  { task, parts, split, seed, run, lr }: TrainingOptions,
): Promise<readonly EpochLine[]> {
  const { name, epochs, batchSize, scoreEvery } = task;
  const { labels, shape } = parts.train;
  const stepsPerEpoch = Math.floor(labels.length / batchSize);
  const totalSteps = stepsPerEpoch * epochs;
  const schedule = run.schedule(lr, totalSteps);
  const model = task.createModel(tf, { seed, inputShape: shape });
  const classCount = task.classes.length;
  const trainer = createTrainer(tf, model, { run, lr, classCount, stepsPerEpoch, totalSteps });
  const lines: EpochLine[] = [];
  let step = 0;
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    const order = shuffled(labels.length, `${seed}/${epoch}`);
    const batches = pieces(order, batchSize)
      .slice(0, stepsPerEpoch)
      .map((indices) => pick(parts.train, indices));
    let lossSum = 0;
    for (const batch of batches) {
      lossSum += await trainer.step(batch, schedule(step));
      step += 1;
      await trainer.average(step);
    }
    const line = { task: name, split, seed, run: run.name, lr, epoch };
    const isScored = epoch % scoreEvery === 0 || epoch === epochs;
    lines.push({
      ...line,
      trainLoss: lossSum / stepsPerEpoch,
      ...(isScored && { scores: await trainer.scores(parts[split], batches) }),
    });
  }
  const costs = await trainer.dispose();
  const machine = `${availableParallelism()} cores, ${tf.getBackend()}`;
  return lines.map((line) => (line.epoch === epochs ? { ...line, costs, machine } : line));
}
