// What training needs, and what it records.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';

import type { Images } from '../data/cifar10.js';
import type { Score } from '../methods/score.js';
import type { Settings } from '../plan/settings.js';
import type { AverageScore } from './observers.js';

/** What is known of a leg after one of its epochs. */
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
  readonly averages?: readonly AverageScore[];
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
  /** Where the seed's files are. */
  readonly folder: string;
  /**
   * Called after each epoch, with the leg's time so far; what was trained before a kill is not
   * reported again.
   */
  readonly onEpoch?: (line: EpochLine, seconds: number) => void;
}
