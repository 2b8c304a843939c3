// A method: weights, or several of them, made of what the legs have left, and their predictions.
import type { Leg } from '../plan/leg.js';
import type { Surroundings } from '../training/surroundings.js';
import type { Workbench } from './workbench.js';

/** Something to measure for a seed. */
export interface Method {
  /** Names its line: `sgd`, `swa-0.05/from-75`. */
  readonly name: string;
  /** The epochs of training that it takes, those of all its runs together. */
  readonly budget: number;
  /** The legs that have to be trained first, each up to an epoch. */
  readonly needs: readonly Need[];
  /** How many bytes it keeps while training, besides the model. */
  readonly memoryBytes: (workbench: Workbench) => number;
  /** Its predictions, and what they took besides training. */
  readonly predict: (workbench: Workbench) => Promise<Predictions>;
}

/** A leg, trained up to an epoch. */
interface Need {
  readonly leg: Leg;
  readonly epoch: number;
  /** Of another seed; default the seed's own. */
  readonly of?: Surroundings;
}

/** What a method predicts. */
interface Predictions {
  /** [images, 10], for the images of the workbench. */
  readonly probabilities: Float64Array;
  /** Batches that went through the network, besides one pass over the images that are predicted. */
  readonly forwardPasses: number;
  /** What the method chose on validation images, where it chooses. */
  readonly choice?: string;
}
