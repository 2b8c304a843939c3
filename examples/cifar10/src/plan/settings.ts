// What decides a seed's runs, in numbers.
import type { Size } from '../network/resnet.js';

/** Everything that the legs of one seed share. */
export interface Settings {
  readonly seed: number;
  readonly network: Size;
  readonly batchSize: number;
  readonly initialRate: number;
  readonly momentum: number;
  /** Added to each gradient: this times the weight, for all weights. */
  readonly weightDecay: number;
  /** Scores are taken each so many epochs. */
  readonly scoreEvery: number;
}
