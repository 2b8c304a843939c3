// What a batch-norm update needs from a runtime: a forward pass that reports each layer's moments.
import type { Awaitable } from './awaitable.js';

/** The running statistics of one batch-norm layer, one value per channel. */
export interface RunningStatistics {
  /** The mean of each channel. */
  readonly mean: Float64Array;
  /** The variance of each channel. */
  readonly variance: Float64Array;
}

/** Mean and population variance of one layer's input in one batch, one value per channel. */
export interface Moments extends RunningStatistics {
  /** The number of values per channel: batch size times positions. */
  readonly count: number;
}

/** One batch-norm layer of a live model. */
export interface BatchNormLayer {
  /** The name of the layer, for messages. */
  readonly name: string;
  /** What `write` writes to: always the same object for one layer of the model. */
  readonly identity: object;
  /** The number of channels. */
  readonly channels: number;
  /** False if the layer is frozen; `BnUpdateOptions.include` can leave such layers out. */
  readonly trainable: boolean;
  /**
   * Which variance the runtime keeps: PyTorch's running variance is the mean of *unbiased* batch
   * variances (divided by count - 1), that of Keras and TensorFlow.js the mean of *population*
   * variances (divided by count).
   */
  readonly varianceKind: 'unbiased' | 'population';
  /** A copy of the running statistics. */
  read(): Awaitable<RunningStatistics>;
  /** Replaces the running statistics. */
  write(statistics: RunningStatistics): Awaitable<void>;
}

/** A live model with batch norm, run by its runtime. */
export interface BatchNormModel<Batch> {
  /** All batch-norm layers, each once. */
  readonly layers: readonly BatchNormLayer[];
  /**
   * Runs one forward pass in which `layers` normalise by the statistics of this batch, and all
   * other batch-norm layers by their running statistics. Does not change the model.
   *
   * @returns the moments of the input of each of `layers`, in the same order
   */
  batchMoments(batch: Batch, layers: readonly BatchNormLayer[]): Awaitable<readonly Moments[]>;
  /** The number of samples in a batch: its weight in a cumulative mean. */
  sampleCount(batch: Batch): number;
}
