// SWA for model.fit: averages while the model trains, and leaves the averages in it at the end.
import type { AveragedBatchNorm, BnUpdateOptions, Loader } from '@polyak/core';
import { PolyakError, SWA } from '@polyak/core';
import { requireFunction, requireWord } from '@polyak/core/kit';
import type { Optimizer } from '@tensorflow/tfjs-core';
import type { LayersModel, Logs } from '@tensorflow/tfjs-layers';
import { tfjsBackend } from '../averaging/backend.js';
import { requireTrainable } from '../batch-norm/batch-norm-layer.js';
import { batchNormModel } from '../batch-norm/batch-norm-model.js';
import { rehearse } from '../batch-norm/rehearse.js';
import type { InputBatch } from '../model/model-inputs.js';
import { modelParameters } from '../model/model-parameters.js';
import type { TensorFlow, TensorFlowWithLayers } from '../tensorflow.js';
import { tfjsOptimizer } from '../training/optimizer.js';
import { requireAutomatic, requireLayers, requireNumbers } from './arguments.js';
import { requireOwnRun, requireSameWeights, tooShortRun } from './fit-run.js';
import type { SwaCallback, SwaCallbackOptions } from './options.js';
import { requireAlive, restorer } from './restore.js';

declare const console: { warn(message: string): void };

/**
 * A callback that averages the weights while `model.fit` trains and evaluates the averages after
 * each epoch. At the end of training the model holds the averages, with batch norm updated for
 * them. Then:
 *
 * - `swa.dispose({ keep: 'averages' })` makes them the model's weights for good,
 * - `restoreLive()` puts the live weights and statistics back, and `swa.dispose()` frees the
 *   averages too,
 * - `fit` with this or another callback for the model puts them back first, and trains on.
 *
 * Where the model was trained without a callback while it held the averages, nobody can put the
 * live weights back and so drop that training (`ERR_SWAPPED`): `swa.dispose({ keep: 'averages' })`
 * keeps it, `swa.swapSwaSgd()` drops it. Several callbacks can average one model: it ends with the
 * averages of the last one.
 *
 * Each `fit` first makes sure that the averages will come out right, and is refused otherwise: the
 * model is the callback's, trains the weights that are averaged, continues at the epoch that the
 * callback has counted to, and its batch norm can be updated with the loader. After layers were
 * frozen, unfrozen, added or removed, make a new callback.
 *
 * In a list, put it beside other callback objects of tfjs, in any order; write plain functions as
 * `new tf.CustomCallback({ onEpochEnd })`.
 *
 * tfjs's own validation runs on the live weights: it comes before the last callbacks of an epoch.
 * To go on in another process, await `restoreLive()`, save the model with its optimizer and
 * `swa.stateDict()`, and load both.
 *
 * @param tf - TensorFlow.js with its layers, its backend set
 * @param model - a compiled model
 * @param options - see {@link SwaCallbackOptions}
 * @returns for the `callbacks` of `model.fit`
 * @throws TypeError, RangeError where an argument is not what it should be, and where the model has
 * batch norm and no loader is given
 * @throws PolyakError `ERR_PARAMETERS` where all weights of the model are frozen
 * @throws PolyakError `ERR_UNSUPPORTED` where the model is not compiled, and for batch norm with
 * `scale: false` or `center: false`, which tfjs cannot train
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
 * await callbacks.swa.dispose({ keep: 'averages' });
 * ```
 */
export function swaCallback(
  tf: TensorFlowWithLayers,
  model: LayersModel,
  options: SwaCallbackOptions,
): SwaCallback {
  requireLayers(tf);
  requireAutomatic(options);
  const { unit = 'step', loader, evaluate, batchNorm: bnOptions, ...rest } = options;
  requireWord('swaCallback', 'unit', unit, ['step', 'epoch']);
  if (evaluate !== undefined) requireFunction('swaCallback', 'evaluate', evaluate);
  const first = modelParameters(model);
  const batchNorm = batchNormOf(tf, model, loader, bnOptions);
  const shown = batchNorm === undefined ? {} : { batchNorm };
  const optimizer = tfjsOptimizer(
    tf,
    () => optimizerOf(model),
    () => {
      requireAlive(first);
      return modelParameters(model);
    },
  );
  const swa = new SWA(optimizer, { ...rest, backend: tfjsBackend(tf) });
  const restoreLive = restorer(tf, model, swa, first);
  const warn = options.onWarning ?? ((message: string) => console.warn(message));
  const hasAverages = (): boolean => swa.paramGroups.some(({ nAvg }) => nAvg > 0);

  function addResults(logs: Logs, results: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(results)) {
      const log = `swa_${name}`;
      if (log in logs && !doubles.has(log)) {
        doubles.add(log);
        warn(
          `swaCallback: the logs have "${log}" already, such as from another swaCallback. The ` +
            'history will have the later number. Give the numbers of evaluate other names.',
        );
      }
      logs[log] = value;
    }
  }

  /** The model that is fitted, where tfjs tells. */
  let fitted: LayersModel | undefined;
  let isFirstEpoch = false;
  const doubles = new Set<string>();
  let isWarned = false;
  let skippedBefore = 0;

  const callback = new tf.CustomCallback({
    async onTrainBegin() {
      const given = fitted;
      fitted = undefined;
      requireOwnRun(model, given);
      if (swa.isDisposed) {
        throw new PolyakError(
          'ERR_DISPOSED',
          'swaCallback: its averages were freed by swa.dispose(). Make a new callback.',
        );
      }
      const joined = swa.paramGroups.slice(1).flatMap(({ params }) => params);
      requireSameWeights(model, [...first, ...joined]);
      await restoreLive();
      if (batchNorm !== undefined) await rehearse(batchNorm);
      isFirstEpoch = true;
      isWarned = false;
      skippedBefore = swa.nSkipped;
    },
    async onEpochBegin(epoch) {
      if (isFirstEpoch) {
        isFirstEpoch = false;
        const tooShort = tooShortRun(swa, { model, epoch, unit });
        isWarned = tooShort !== undefined;
        if (tooShort !== undefined) warn(tooShort);
      }
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
      requireNumbers(results);
      // tfjs always gives logs, whatever its types say.
      addResults(logs as Logs, results);
    },
    async onTrainEnd() {
      const skipped = swa.nSkipped - skippedBefore;
      if (skipped > 0) {
        warn(`swaCallback: fit has skipped ${skipped} update(s) of weights that were not finite.`);
      }
      if (hasAverages()) await swa.swapSwaSgd({ ...shown, recallable: true });
      else if (!isWarned) {
        warn(
          'swaCallback: training ended before the first average; the model holds its live weights.',
        );
      }
    },
  });
  return Object.assign(callback, {
    swa,
    restoreLive,
    setModel(given: LayersModel) {
      fitted = given;
    },
    // Bound, since tfjs wraps all that stands in a list after a plain object of functions, and
    // then calls them without this object.
    onTrainBegin: callback.onTrainBegin.bind(callback),
    onTrainEnd: callback.onTrainEnd.bind(callback),
    onEpochBegin: callback.onEpochBegin.bind(callback),
    onEpochEnd: callback.onEpochEnd.bind(callback),
    onBatchBegin: callback.onBatchBegin.bind(callback),
    onBatchEnd: callback.onBatchEnd.bind(callback),
  });
}

/** The model's batch norm with the batches that update it; nothing where none is trained. */
function batchNormOf(
  tf: TensorFlow,
  model: LayersModel,
  loader: Loader<InputBatch> | undefined,
  options: BnUpdateOptions | undefined,
): AveragedBatchNorm<InputBatch> | undefined {
  const bnModel = batchNormModel(tf, model);
  requireTrainable(tf, model);
  if (bnModel.layers.length === 0) return undefined;
  if (loader !== undefined) return { ...options, model: bnModel, loader };
  if (!bnModel.layers.some(({ trainable }) => trainable)) return undefined;
  throw new TypeError(
    'swaCallback: the model has batch norm, whose statistics must be updated for the averages. ' +
      'Pass a loader of training batches.',
  );
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
