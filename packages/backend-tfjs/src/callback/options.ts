// The options of swaCallback, and what it returns.
import type { BnUpdateOptions, Loader, SWA } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { CustomCallback } from '@tensorflow/tfjs-layers';
import type { InputBatch } from '../model/model-inputs.js';
import type { AveragingByOptimizer } from '../training/options.js';

/** Options of `swaCallback`: those of `SWA`, and what is done with the averages. */
export type SwaCallbackOptions = AveragingByOptimizer & {
  /** Steps or epochs before averaging begins; an integer >= 0. */
  readonly swaStart: number;
  /** Steps or epochs between averages; an integer >= 1. */
  readonly swaFreq: number;
  /** What `swaStart` and `swaFreq` count. Default `step`: an optimizer's step, one a batch. */
  readonly unit?: 'step' | 'epoch';
  /**
   * Training batches for the batch-norm update, read once for each evaluation and once at the end:
   * an array, or what `batchLoader` makes of a `tf.data.Dataset` or a generator function. The first
   * batch is also tried before each training. Needed where the model has batch norm that is not
   * frozen.
   */
  readonly loader?: Loader<InputBatch>;
  /** Options of the batch-norm update. */
  readonly batchNorm?: BnUpdateOptions;
  /**
   * Evaluates the model; called at the end of each epoch with the averages in it. The numbers it
   * returns join the epoch's logs and history with `swa_` before their names, from the first
   * average on: shorter lists than those of `loss`. Callbacks that come later in the list of `fit`
   * see them, such as `tf.callbacks.earlyStopping({ monitor: 'swa_loss' })`.
   */
  readonly evaluate?: () => Awaitable<Readonly<Record<string, number>>>;
};

/** A callback for `model.fit`, with the `SWA` behind it. */
export interface SwaCallback extends CustomCallback {
  /** The averages and counters, to save, load and free. */
  readonly swa: SWA<Tensor>;
  /**
   * Puts the live weights and batch-norm statistics back after training has left averages in the
   * model, by this callback or another one. Does nothing where the model holds them already.
   *
   * @throws PolyakError `ERR_SWAPPED` where the model was trained or written since, which would be
   * lost; and where another call still uses the weights in the model
   */
  restoreLive(): Promise<void>;
}
