// Batch-norm update of layers models: one forward pass that reports what enters each batch-norm
// layer.
import { PolyakError } from '@polyak/core';
import type { BatchNormLayer, BatchNormModel, Moments } from '@polyak/core/interfaces';
import { mergeMoments, requireFunction, requireOptions } from '@polyak/core/kit';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { normalize } from './batch-moments.js';
import type { BatchNormalization, FoundLayer } from './batch-norm-layer.js';
import { batchNormLayers } from './batch-norm-layer.js';
import type { FoundMoments } from './found-moments.js';
import type { InputBatch } from '../model/model-inputs.js';
import { layersOf } from '../model/layer-tree.js';
import { inputsOf } from '../model/model-inputs.js';
import { requireModel } from '../model/model-parameters.js';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';

/** Options of {@link batchNormModel}. */
export interface BatchNormModelOptions {
  /**
   * Runs dropout and noise layers as in training, as PyTorch's `update_bn` does. Default false:
   * they are off, as they will be when the statistics are used, so that the statistics fit and
   * every run gives the same ones.
   */
  readonly training?: boolean;
}

/** Options of {@link batchNormModel} for batches of a type of your own. */
export interface CustomBatchNormModelOptions<Batch> {
  /**
   * Runs the model on a batch, synchronously, such as `({ image }) => model.apply(image)`. Tensors
   * that it makes are disposed of. Batch norm outside of `layers` runs in inference.
   */
  readonly forward: (batch: Batch) => unknown;
  /** The number of samples in a batch. */
  readonly sampleCount: (batch: Batch) => number;
}

/**
 * The batch norm of a layers model, for `bnUpdate` and `withAveraged`.
 *
 * Moments are exact on cpu and wasm. On other tfjs backends, variances are exact to about 1e-6, and
 * means to 3e-7 of themselves, which at 100 standard deviations from 0 is 3e-5 of one. Layers in
 * nested models and wrappers count; a layer that runs several times in one pass reports all its
 * inputs together. Layers with `scale: false` or `center: false` work, although tfjs cannot train
 * them.
 *
 * Frozen layers count too: leave them out by `include: (layer) => layer.trainable`. While a model
 * trains, tfjs 4.22 treats a frozen batch norm like any other: it normalizes by the batch and moves
 * the running statistics.
 *
 * @param tf - TensorFlow.js
 * @param model - a layers model; its variables and layers are looked up now
 * @param options - see {@link BatchNormModelOptions}, or {@link CustomBatchNormModelOptions} for
 * batches of your own type
 * @returns the model as core takes it, for batches of inputs: see {@link InputBatch}
 * @throws TypeError where an argument is not what it should be
 * @throws PolyakError `ERR_UNSUPPORTED` for a model with batch norm and stateful layers, whose
 * states a forward pass would change
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { bnUpdate } from '@polyak/core';
 * import { batchNormModel } from '@polyak/backend-tfjs';
 *
 * await tf.setBackend('cpu');
 * const layer = tf.layers.batchNormalization({ name: 'bn', inputShape: [1] });
 * const model = tf.sequential({ layers: [layer] });
 * const batches = [tf.tensor2d([[1], [3]]), tf.tensor2d([[5], [7]])];
 * await bnUpdate(batches, batchNormModel(tf, model), { statistics: 'pooled' });
 * console.log(model.getWeights().map((weight) => weight.dataSync()[0])); // [1, 0, 4, 5]
 * ```
 *
 * @see Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167; Li et al. 2019 on dropout before
 *   batch norm, https://arxiv.org/abs/1801.05134
 */
export function batchNormModel(
  tf: TensorFlow,
  model: LayersModel,
  options?: BatchNormModelOptions,
): BatchNormModel<InputBatch>;
export function batchNormModel<Batch>(
  tf: TensorFlow,
  model: LayersModel,
  options: CustomBatchNormModelOptions<Batch>,
): BatchNormModel<Batch>;
export function batchNormModel<Batch>(
  tf: TensorFlow,
  model: LayersModel,
  options: BatchNormModelOptions | CustomBatchNormModelOptions<Batch> = {},
): BatchNormModel<Batch> | BatchNormModel<InputBatch> {
  requireTensorFlow('batchNormModel', tf);
  requireModel('batchNormModel', model);
  const found = batchNormLayers(tf, model);
  if (hasForward(options)) {
    // `forward` may use the `this` of its options, so they are passed on as they are.
    requireOptions('batchNormModel', options, ['forward', 'sampleCount']);
    requireFunction('batchNormModel', 'forward', options.forward);
    requireFunction('batchNormModel', 'sampleCount', options.sampleCount);
    return modelOf(tf, found, options);
  }
  const given = requireOptions('batchNormModel', options, ['training']);
  if (model.stateful && found.length > 0) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      'batchNormModel: the model has stateful layers, whose states a forward pass would change. ' +
        'Pass the option forward, and restore the states there.',
    );
  }
  const { training = false } = given;
  const network = {
    forward: (batch: InputBatch) => model.apply([...inputsOf(model, batch)], { training }),
    sampleCount: (batch: InputBatch) => inputsOf(model, batch)[0]?.shape[0] ?? 0,
  };
  return modelOf(tf, found, network, found.every(runsOnce(model)));
}

/** Whether one pass calls a layer once: its model has it directly, and nowhere else. */
function runsOnce(model: LayersModel): (found: FoundLayer) => boolean {
  const own = new Set<unknown>(model.layers);
  const all: readonly unknown[] = layersOf(model).map(({ layer }) => layer);
  return ({ layer }) =>
    own.has(layer) &&
    layer.inboundNodes.length === 1 &&
    // A wrapper calls it without a node.
    all.indexOf(layer) === all.lastIndexOf(layer);
}

// What JavaScript passes may be anything.
function hasForward<Batch>(
  options: BatchNormModelOptions | CustomBatchNormModelOptions<Batch> | null,
): options is CustomBatchNormModelOptions<Batch> {
  return typeof options === 'object' && options !== null && 'forward' in options;
}

function modelOf<Batch>(
  tf: TensorFlow,
  found: readonly FoundLayer[],
  { forward, sampleCount }: CustomBatchNormModelOptions<Batch>,
  isOnceEach = false,
): BatchNormModel<Batch> {
  return {
    layers: found.map(({ view }) => view),
    sampleCount,
    async batchMoments(batch, layers) {
      const captured = new Map<BatchNormalization, FoundMoments[]>();
      for (const view of layers) captured.set(layerOf(found, view), []);
      const calls = isOnceEach ? captured.size : Infinity;
      try {
        tf.tidy(() =>
          withCaptured(tf, found, { captured, calls }, () => refusePromise(forward(batch))),
        );
        return await Promise.all(
          layers.map(async (view) => read(view, captured.get(layerOf(found, view)) ?? [])),
        );
      } finally {
        for (const moments of [...captured.values()].flat()) moments.dispose();
      }
    },
  };
}

/** Where the moments of a pass go. */
interface Capture {
  readonly captured: ReadonlyMap<BatchNormalization, FoundMoments[]>;
  /** The pass ends after as many calls: nothing after the last layer changes any moments. */
  readonly calls: number;
}

/** Thrown to end a pass. */
const ENDED = new Error('The forward pass of a batch-norm update ended after its last layer.');

/**
 * Runs `forward` with every batch-norm layer's `call` replaced, and takes that back whatever
 * happens.
 */
function withCaptured(
  tf: TensorFlow,
  found: readonly FoundLayer[],
  { captured, calls }: Capture,
  forward: () => void,
): void {
  let left = calls;
  const undo: (() => void)[] = [];
  try {
    for (const { layer } of found) {
      const own = Object.getOwnPropertyDescriptor(layer, 'call');
      undo.push(() => {
        if (own === undefined) Reflect.deleteProperty(layer, 'call');
        else Object.defineProperty(layer, 'call', own);
      });
      const call = layer.call.bind(layer);
      const collected = captured.get(layer);
      layer.call = (inputs, options) => {
        // A layer that is left out must neither use nor update the statistics of the batch,
        // whatever mode the pass is in.
        if (collected === undefined) return call(inputs, { ...options, training: false });
        return tf.tidy(() => {
          const { output, moments } = normalize(tf, layer, [inputs].flat()[0] as Tensor);
          collected.push(moments);
          left -= 1;
          if (left === 0) throw ENDED;
          return output();
        });
      };
    }
    forward();
  } catch (error) {
    if (error !== ENDED) throw error;
  } finally {
    for (const restore of undo) restore();
  }
}

async function read({ name }: BatchNormLayer, calls: readonly FoundMoments[]): Promise<Moments> {
  if (calls.length === 0) {
    throw new PolyakError(
      'ERR_BATCH_NORM',
      `batchMoments: the forward pass did not run the layer "${name}", expected one call at ` +
        'least. Leave the layer out by the option include of bnUpdate, or run it in forward.',
    );
  }
  return mergeMoments(await Promise.all(calls.map((moments) => moments.read())));
}

function layerOf(found: readonly FoundLayer[], view: BatchNormLayer): BatchNormalization {
  const entry = found.find((candidate) => candidate.view === view);
  if (entry === undefined) {
    throw new TypeError(
      `batchMoments: "${view.name}" is not one of the layers of this batchNormModel. Pass some ` +
        'of its layers.',
    );
  }
  return entry.layer;
}

function refusePromise(result: unknown): void {
  if (result instanceof Promise) {
    // A rejection of it must not end the process.
    void result.catch(() => undefined);
    throw new TypeError(
      'batchNormModel: forward returned a promise. Run the model synchronously, such as by ' +
        'model.apply(batch).',
    );
  }
}
