// One stretch of a run, epoch by epoch, with a checkpoint after each: the heart of the example.
import { join } from 'node:path';

import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';

import { trainingBatches } from './batches.js';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import type { Images } from './cifar10.js';
import { learningRate } from './schedule.js';
import type { Ending, Settings } from './settings.js';
import { type AverageScore, createTrainer, type Score, type Trainer } from './trainer.js';

/** A stretch of the budget. */
export interface Leg {
  readonly name: string;
  /**
   * The checkpoint that it begins with: the end of another leg. Without, it begins with new
   * weights.
   */
  readonly after?: Leg;
  /** The last epoch of it. */
  readonly lastEpoch: number;
  /** What is trained past the half of the budget; nothing for a leg that ends there. */
  readonly ending?: Ending;
}

/** What is known of a run after one of its epochs: a line of `run.jsonl`. */
export interface EpochLine {
  readonly seed: number;
  readonly leg: string;
  readonly epoch: number;
  /** Of the epoch's last step. */
  readonly learningRate: number;
  /** The mean cross-entropy of the epoch's batches, in nats. */
  readonly trainLoss: number;
  /** The score of the weights as they are, where it was taken. */
  readonly live?: Score;
  /** The scores of the averages that have begun, where they were taken. */
  readonly averages?: readonly (AverageScore & { readonly from: number })[];
}

/** The images of a run. */
export interface Problem {
  readonly train: Images;
  /** What scores are taken on. */
  readonly test: Images;
}

/** What does not change from leg to leg. */
export interface Surroundings {
  readonly tf: TensorFlowWithLayers;
  readonly settings: Settings;
  readonly problem: Problem;
  /** Where the checkpoints are. */
  readonly folder: string;
  /**
   * Called after each epoch, with the leg's time so far; what was trained before a kill is not
   * reported again.
   */
  readonly onEpoch?: (line: EpochLine, seconds: number) => void;
}

/** A leg's checkpoint. */
function legFile(folder: string, leg: Leg): string {
  return join(folder, `${leg.name}.safetensors`);
}

/**
 * Trains a leg to its end, from where it stands. Killed at any moment and run again, it ends with
 * the same checkpoint, where the runtime computes the same each time; only the seconds differ.
 */
export async function runLeg(leg: Leg, surroundings: Surroundings): Promise<Checkpoint> {
  const { settings, folder, onEpoch } = surroundings;
  let checkpoint = await standing(leg, surroundings);
  if (checkpoint?.epoch === leg.lastEpoch) return checkpoint;
  const trainer = createTrainer(surroundings.tf, settings, leg.ending?.averages.length ?? 0);
  if (checkpoint !== undefined) await trainer.restore(checkpoint.trainer);
  for (let epoch = (checkpoint?.epoch ?? 0) + 1; epoch <= leg.lastEpoch; epoch += 1) {
    const startTime = performance.now();
    const line = await runEpoch(trainer, leg, epoch, surroundings);
    const seconds = (checkpoint?.seconds ?? 0) + (performance.now() - startTime) / 1000;
    checkpoint = {
      settings: settingsOf(leg, surroundings),
      epoch,
      seconds,
      lines: [...(checkpoint?.lines ?? []), JSON.stringify(line)],
      trainer: await trainer.state(),
    };
    await writeCheckpoint(legFile(folder, leg), checkpoint);
    onEpoch?.(line, seconds);
  }
  await trainer.dispose();
  return checkpoint ?? fail(leg);
}

async function runEpoch(
  trainer: Trainer,
  { name, ending, lastEpoch }: Leg,
  epoch: number,
  { settings, problem }: Surroundings,
): Promise<EpochLine> {
  const { seed, epochs, batchSize, initialRate, scoreEvery } = settings;
  const { finalRate = initialRate, averages = [] } = ending ?? {};
  const batches = {
    [Symbol.iterator]: () => trainingBatches(problem.train, batchSize, seed, epoch),
  };
  const stepsPerEpoch = Math.floor(problem.train.count / batchSize);
  const totalSteps = stepsPerEpoch * epochs;
  let step = stepsPerEpoch * (epoch - 1);
  let [rate, lossSum] = [NaN, 0];
  for (const batch of batches) {
    rate = learningRate(step / totalSteps, initialRate, finalRate);
    lossSum += await trainer.step(batch, rate);
    step += 1;
    for (const [index, { from, every }] of averages.entries()) {
      const sinceStart = step - Math.round(from * totalSteps);
      if (sinceStart > 0 && sinceStart % every === 0) await trainer.average(index);
    }
  }
  const line = { seed, leg: name, epoch, learningRate: rate, trainLoss: lossSum / stepsPerEpoch };
  if (epoch % scoreEvery !== 0 && epoch !== lastEpoch) return line;
  const scores = [];
  for (const [index, { from }] of averages.entries()) {
    // Batch norm sees the images as this epoch's training saw them.
    const score = await trainer.scoreAverage(index, problem.test, batches);
    if (score !== undefined) scores.push({ from, ...score });
  }
  return { ...line, live: await trainer.score(problem.test), averages: scores };
}

/** The last checkpoint of the leg, or else the end of the one before it, or nothing. */
async function standing(leg: Leg, surroundings: Surroundings): Promise<Checkpoint | undefined> {
  const own = await readCheckpoint(
    legFile(surroundings.folder, leg),
    settingsOf(leg, surroundings),
  );
  if (own !== undefined || leg.after === undefined) return own;
  const before = await readCheckpoint(
    legFile(surroundings.folder, leg.after),
    settingsOf(leg.after, surroundings),
  );
  if (before?.epoch === leg.after.lastEpoch) return { ...before, seconds: 0, lines: [] };
  throw new Error(
    `The leg ${leg.name} begins where ${leg.after.name} ends, which has not been trained to its ` +
      'end.',
  );
}

function settingsOf({ ending }: Leg, { tf, settings, problem }: Surroundings): string {
  const images = { train: problem.train.count, test: problem.test.count };
  return JSON.stringify({
    backend: tf.getBackend(),
    ...settings,
    images,
    ...(ending && { ending }),
  });
}

function fail({ name }: Leg): never {
  throw new Error(`The leg ${name} has no epochs.`);
}
