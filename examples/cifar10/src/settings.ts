// What a run does, in numbers.
import type { Size } from './resnet.js';

/**
 * Everything that decides the outcome of one seed, but the learning rate's way in the second half.
 */
export interface Settings {
  readonly seed: number;
  /** Passes over the training images: the budget of SGD, and that of each SWA. */
  readonly epochs: number;
  readonly network: Size;
  readonly batchSize: number;
  readonly initialRate: number;
  readonly momentum: number;
  /** Added to each gradient: this times the weight, for all weights. */
  readonly weightDecay: number;
  /** Scores are taken each so many epochs. */
  readonly scoreEvery: number;
}

/** An average of the weights that a run visits. */
interface Averaging {
  /** The part of the budget after which it begins. */
  readonly from: number;
  /** The steps from one average to the next. */
  readonly every: number;
}

/** The way from one half of the budget to its end. */
export interface Ending {
  /** Names its files and its lines: `sgd`, `swa-0.1`. */
  readonly name: string;
  /** The learning rate from 90 % of the budget on. */
  readonly finalRate: number;
  /** Several averages of one run cost little more than one. */
  readonly averages: readonly Averaging[];
}
