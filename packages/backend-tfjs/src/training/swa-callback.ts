// SWA for model.fit: averages while the model trains, and leaves the averages in it at the end.
import type { AveragedBatchNorm, BnUpdateOptions, Loader } from '@polyak/core';
import { ParameterSet, PolyakError, SWA } from '@polyak/core';
import type { Awaitable, Parameter } from '@polyak/core/interfaces';
import type { Optimizer, Tensor } from '@tensorflow/tfjs-core';
import type { CustomCallbackArgs, LayersModel } from '@tensorflow/tfjs-layers';
import { tfjsBackend } from '../averaging/backend.js';
import { requireTrainable } from '../batch-norm/batch-norm-layer.js';
import { batchNormModel } from '../batch-norm/batch-norm-model.js';
import type { InputBatch } from '../model/model-inputs.js';
import { modelParameters } from '../model/model-parameters.js';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';
import { tfjsOptimizer } from './optimizer.js';
import type { AveragingByOptimizer } from './options.js';

declare const console: { warn(message: string): void };

/** Options of {@link swaCallback}: those of `SWA`, and what is done with the averages. */
export type SwaCallbackOptions = AveragingByOptimizer & {
  /** What `swaStart` and `swaFreq` count. Default `step`: an optimizer's step, one a batch. */
  readonly unit?: 'step' | 'epoch';
  /**
   * Training batches for the batch-norm update, read once for each evaluation and once at the end:
   * an array, or an object whose `[Symbol.iterator]` starts anew. Needed where the model has batch
   * norm.
   */
  readonly loader?: Loader<InputBatch>;
  /** Options of the batch-norm update. */
  readonly batchNorm?: BnUpdateOptions;
  /**
   * Evaluates the model; called at the end of each epoch with the averages in it. The numbers it
   * returns join the epoch's logs and history with `swa_` before their names, from the first
   * average on: shorter lists than those of `loss`.
   */
  readonly evaluate?: () => Awaitable<Readonly<Record<string, number>>>;
};

/** Callbacks for `model.fit`, with the `SWA` behind them. */
export interface SwaCallback extends CustomCallbackArgs {
  /** The averages and counters, to save and load. */
  readonly swa: SWA<Tensor>;
  /**
   * Puts the live weights and batch-norm statistics back after training has left averages in the
   * model, by this callback or another one. Does nothing where the model holds them already.
   *
   * @throws PolyakError `ERR_SWAPPED` where another call still uses the weights in the model
   */
  restoreLive(): Promise<void>;
}

/**
 * Callbacks that average the weights while `model.fit` trains and evaluate the averages after each
 * epoch. At the end of training the model holds the averages, with batch norm updated for them.
 * Training again first puts the live weights and statistics back, as does any other call that needs
 * them. Several callbacks can average one model: it ends with the averages of the last one.
 *
 * The weights are looked up at each update: where a layer was frozen or unfrozen since, the
 * update is refused with its name (`ERR_PARAMETERS`). Make a new callback then.
 *
 * tfjs's own validation runs on the live weights: it comes before the last callbacks of an epoch.
 * To go on in another process, await `restoreLive()`, save the model with its optimizer and
 * `swa.stateDict()`, and load both.
 *
 * @param tf - TensorFlow.js, its backend set
 * @param model - a compiled model
 * @param options - see {@link SwaCallbackOptions}
 * @returns for the `callbacks` of `model.fit`
 * @throws TypeError where an argument is not what it should be, and where the model has batch norm
 * and no loader is given
 * @throws PolyakError `ERR_UNSUPPORTED` for batch norm with `scale: false` or `center: false`,
 * which tfjs cannot train
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { swaCallback } from '@polyak/backend-tfjs';
 *
 * await tf.setBackend('cpu');
 * const [x, y] = [tf.randomNormal([32, 4]), tf.zeros([32, 1])];
 * const layers = [
 *   tf.layers.dense({ units: 8, inputShape: [4] }),
 *   tf.layers.batchNormalization(),
 *   tf.layers.dense({ units: 1 }),
 * ];
 * const model = tf.sequential({ layers });
 * model.compile({ optimizer: tf.train.momentum(0.1, 0.9), loss: 'meanSquaredError' });
 * const options = { swaStart: 2, swaFreq: 1, swaLr: 0.05, unit: 'epoch', loader: [x] } as const;
 * const callbacks = swaCallback(tf, model, options);
 * await model.fit(x, y, { epochs: 5, callbacks, verbose: 0 });
 * console.log(callbacks.swa.paramGroups[0].nAvg); // 3
 * ```
 */
export function swaCallback(
  tf: TensorFlow,
  model: LayersModel,
  options: SwaCallbackOptions = {},
): SwaCallback {
  requireTensorFlow('swaCallback', tf);
  const { unit = 'step', loader, evaluate, batchNorm: bnOptions, ...rest } = options;
  const parameters = (): readonly Parameter<Tensor>[] => modelParameters(model);
  const batchNorm = batchNormOf(tf, model, loader, bnOptions);
  const shown = batchNorm === undefined ? {} : { batchNorm };
  const optimizer = tfjsOptimizer(tf, () => optimizerOf(model), parameters);
  const backend = tfjsBackend(tf);
  const swa = new SWA(optimizer, { ...rest, backend });
  const weights = new ParameterSet(parameters, { backend });
  const warn = options.onWarning ?? ((message: string) => console.warn(message));
  const hasAverages = (): boolean => swa.paramGroups.some(({ nAvg }) => nAvg > 0);

  async function restoreLive(): Promise<void> {
    if (swa.isSwapped) await swa.swapSwaSgd();
    else await weights.recall();
  }

  return {
    swa,
    restoreLive,
    async onTrainBegin() {
      await restoreLive();
    },
    async onEpochBegin() {
      if (unit === 'epoch') swa.resetLr();
    },
    async onBatchBegin() {
      if (unit === 'step') swa.resetLr();
    },
    async onBatchEnd() {
      if (unit === 'step') await swa.step();
    },
    async onEpochEnd(_epoch, logs) {
      if (unit === 'epoch') await swa.step();
      if (evaluate === undefined || !hasAverages()) return;
      const results = await swa.withAveraged(evaluate, shown);
      for (const [name, value] of Object.entries(results))
        if (logs !== undefined) logs[`swa_${name}`] = value;
    },
    async onTrainEnd() {
      if (hasAverages()) await swa.swapSwaSgd({ ...shown, recallable: true });
      else {
        warn(
          'swaCallback: training ended before the first average; the model holds its live weights.',
        );
      }
    },
  };
}

/** The model's batch norm with the batches that update it; nothing where it has none. */
function batchNormOf(
  tf: TensorFlow,
  model: LayersModel,
  loader: Loader<InputBatch> | undefined,
  options: BnUpdateOptions | undefined,
): AveragedBatchNorm<InputBatch> | undefined {
  const bnModel = batchNormModel(tf, model);
  requireTrainable(tf, model);
  if (bnModel.layers.length === 0) return undefined;
  if (loader === undefined) {
    throw new TypeError(
      'swaCallback: the model has batch norm, whose statistics must be updated for the averages. ' +
        'Pass a loader of training batches.',
    );
  }
  return { ...options, model: bnModel, loader };
}

function optimizerOf(model: LayersModel): Optimizer {
  // Before `compile` this is undefined, whatever its type says.
  const optimizer = model.optimizer as Optimizer | undefined;
  if (optimizer !== undefined) return optimizer;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    'swaCallback: the model is not compiled. Call model.compile first.',
  );
}
