// All of one seed: the training, a line for each cycle, and the scores of what it kept.
import { modelParameters } from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { bnUpdate } from '@polyak/core';
import { meanOf } from '@polyak/ensemble';
import { train } from './loop.js';
import { batchNormOf, createModel, predict } from './model.js';
import type { Problem } from './problem.js';
import { scoreMasks } from './score.js';
import type { Score } from './score.js';
import type { Settings } from './settings.js';
import { PIXELS } from './pictures/canvas.js';

/** What one cycle came to. */
export interface CycleLine {
  readonly seed: number;
  readonly cycle: number;
  /** The mean of the batches of the cycle, in nats. */
  readonly trainLoss: number;
  /** Of the weights at the bottom of the cycle. */
  readonly snapshot: Score;
  /** Of the average so far, with batch norm updated. */
  readonly average?: Score;
}

/** What is compared. */
type Method = 'last' | 'ensemble' | 'average' | 'average-bn-update';

/** What one seed came to. */
export interface SeedRun {
  readonly settings: Settings;
  readonly cycles: readonly CycleLine[];
  readonly scores: Readonly<Record<Method, Score>>;
  /** The masks that the last iterate and the average predict for the first pictures. */
  readonly masks: { readonly last: readonly number[]; readonly average: readonly number[] };
  readonly seconds: number;
  /** Batches of the pass that updates batch norm. */
  readonly bnUpdateBatches: number;
  /** Weights that are trained, and those beside them that batch norm keeps. */
  readonly weights: { readonly trained: number; readonly running: number };
}

/** Pictures whose masks are shown. */
export const SHOWN_PICTURES = 6;

/** What follows the training of a seed. */
export interface SeedObserver {
  onStep(step: number, loss: number): void;
  onCycle(line: CycleLine): void;
}

/** Trains a seed, and scores what it comes to. */
export async function runSeed(
  tf: TensorFlowWithLayers,
  problem: Problem,
  settings: Settings,
  observer: SeedObserver,
): Promise<SeedRun> {
  const { seed, batchSize } = settings;
  const { scored } = problem;
  const pictures = problem.drawTraining(seed, settings.pictures);
  const start = performance.now();
  const model = createModel(tf, seed);
  const batchNorm = batchNormOf(model, pictures, batchSize);
  const probabilities = async (): Promise<Float32Array> => predict(model, scored, batchSize);
  const score = async (): Promise<Score> => scoreMasks(await probabilities(), scored.masks);

  const cycles: CycleLine[] = [];
  let losses: number[] = [];
  const kept = await train(model, pictures, settings, {
    onStep(step, loss) {
      losses.push(loss);
      observer.onStep(step, loss);
    },
    async onCycle(cycle, { swa }) {
      const trainLoss = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      losses = [];
      const snapshot = await score();
      const isAveraged = swa.paramGroups.some(({ nAvg }) => nAvg > 0);
      const average = isAveraged ? { average: await swa.withAveraged(score, { batchNorm }) } : {};
      const line = { seed, cycle, trainLoss, snapshot, ...average };
      cycles.push(line);
      observer.onCycle(line);
    },
  });

  const { swa, snapshots } = kept;
  const last = await probabilities();
  const ensemble = meanOf(await snapshots.withEach(probabilities));
  await swa.swapSwaSgd();
  const average = await probabilities();
  await bnUpdate(batchNorm.loader, batchNorm.model);
  const updated = await probabilities();

  const scoreOf = (predicted: ArrayLike<number>): Score => scoreMasks(predicted, scored.masks);
  const shown = (predicted: Float32Array): readonly number[] =>
    Array.from(predicted.subarray(0, SHOWN_PICTURES * PIXELS), (value) => Number(value > 0.5));
  const trained = modelParameters(model.layers).reduce(
    (sum, parameter) => sum + parameter.get().size,
    0,
  );
  const run: SeedRun = {
    settings,
    cycles,
    scores: {
      last: scoreOf(last),
      ensemble: scoreOf(ensemble),
      average: scoreOf(average),
      'average-bn-update': scoreOf(updated),
    },
    masks: { last: shown(last), average: shown(updated) },
    seconds: (performance.now() - start) / 1000,
    bnUpdateBatches: Math.ceil(pictures.count / batchSize),
    weights: { trained, running: model.layers.countParams() - trained },
  };
  await kept.dispose();
  model.layers.dispose();
  return run;
}
