// The trainings that are compared, and the averages of each.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { debiasedExponential, equal, lastK, rationalWarmUp } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { cosineAnnealingLr, type Schedule, swaPaperLr } from '@polyak/schedules';
import type * as TensorFlow from '@tensorflow/tfjs';

export type RunName = 'sgd' | 'sgd-constant' | 'adam' | 'adam-annealed';

/** An average of the weights that a run visits. */
interface Averaging {
  readonly name: string;
  readonly rule: AveragingRule;
  /** The part of the budget after which it begins. */
  readonly from: number;
  readonly every: 'step' | 'epoch';
}

/** One training with an optimizer and a schedule. */
export interface Run {
  readonly name: RunName;
  createOptimizer(tf: TensorFlowWithLayers, lr: number): TensorFlow.Optimizer;
  schedule(lr: number, totalSteps: number): Schedule;
  readonly averages: readonly Averaging[];
}

// Both decays begin with the weights of the first step, and forget them: 0.999 averages over about
// a ninth of the steps so far until it has seen 9,000.
const EXPONENTIAL: readonly Averaging[] = [
  { name: 'ema-0.99', rule: debiasedExponential(0.99), from: 0, every: 'step' },
  { name: 'ema-0.999', rule: rationalWarmUp(0.999), from: 0, every: 'step' },
];

const ALL: readonly Averaging[] = [
  ...EXPONENTIAL,
  { name: 'swa-from-50', rule: equal(), from: 0.5, every: 'step' },
  { name: 'swa-from-75', rule: equal(), from: 0.75, every: 'step' },
  { name: 'last-5', rule: lastK(5), from: 0, every: 'epoch' },
];

const momentum = (tf: TensorFlowWithLayers, lr: number): TensorFlow.Optimizer =>
  tf.train.momentum(lr, 0.9);
const adam = (tf: TensorFlowWithLayers, lr: number): TensorFlow.Optimizer => tf.train.adam(lr);
const constant =
  (lr: number): Schedule =>
  () =>
    lr;

/** In the order of the tables. */
export const RUNS: readonly Run[] = [
  {
    name: 'sgd',
    createOptimizer: momentum,
    schedule: (lr, totalSteps) => swaPaperLr({ lr, finalLr: 0.01 * lr, totalSteps }),
    averages: EXPONENTIAL,
  },
  { name: 'sgd-constant', createOptimizer: momentum, schedule: constant, averages: ALL },
  { name: 'adam', createOptimizer: adam, schedule: constant, averages: ALL },
  {
    name: 'adam-annealed',
    createOptimizer: adam,
    schedule: (lr, totalSteps) => cosineAnnealingLr({ lr, totalSteps }),
    averages: EXPONENTIAL,
  },
];
