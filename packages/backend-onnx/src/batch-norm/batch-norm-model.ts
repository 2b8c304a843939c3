// The batch-norm update of ONNX models: runs that report the moments of what enters each layer.
import type { BatchNormLayer, BatchNormModel } from '@polyak/core/interfaces';
import { PolyakError } from '@polyak/core';
import { requireFunction, requireOptions, requireWord } from '@polyak/core/kit';
import type { OnnxBatch } from './batch-feeds.js';
import { feedsOf } from './batch-feeds.js';
import { batchNormLayer, inHostMemory } from './batch-norm-layer.js';
import { findBatchNorms } from './batch-norm-nodes.js';
import { foundText, readProviders, requireOrt } from '../arguments.js';
import type { OnnxModel, WeightStorage } from '../model/model.js';
import type { MomentsReduction } from './moments-graph.js';
import { momentsRunner } from './moments-session.js';
import type { Ort } from '../ort.js';
import type { ExecutionProvider } from '../ort.js';

/** Options of {@link batchNormModel}. */
export interface BatchNormModelOptions {
  /**
   * The variance that the model keeps. Models from PyTorch keep the `unbiased` one, the default;
   * models from Keras and TensorFlow the `population` one. It does not matter with
   * `statistics: 'pooled'`.
   */
  readonly varianceKind?: BatchNormLayer['varianceKind'];
  /**
   * How moments are computed. Default `reduce-mean`: precise to 1e-6, even for a million values in
   * a channel. `training-mode` takes less time, and is precise to 1e-5 up to about 30,000 rows, or
   * 500,000 positions of one sample.
   */
  readonly reduction?: MomentsReduction;
  /** Where the runs compute, in order of preference. Default `['cpu']`. */
  readonly executionProviders?: readonly ExecutionProvider[];
  /** The option `backend` that the model was loaded with. Default: weights in host memory. */
  readonly backend?: WeightStorage;
  /** The number of samples in a batch. Default: the first extent of the model's first input. */
  readonly sampleCount?: (batch: OnnxBatch) => number;
}

const OPTIONS: readonly (keyof BatchNormModelOptions)[] = [
  'varianceKind',
  'reduction',
  'executionProviders',
  'backend',
  'sampleCount',
];

/** The batch norm of an ONNX model. */
export interface OnnxBatchNormModel extends BatchNormModel<OnnxBatch> {
  /** Frees its sessions after the last run has ended. The model itself stays. */
  release(): Promise<void>;
}

/**
 * Makes the batch norm of an ONNX model available to `bnUpdate` and `withAveraged`.
 *
 * A layer has the name of its running mean without the suffix: `bn1` for `bn1.running_mean`. Nodes
 * that share running statistics are one layer, which reports the moments of all their inputs
 * together; PyTorch counts each call as a batch. Layers that an update leaves out normalise by
 * their running statistics. The graph runs only as far as the last layer.
 *
 * Batch norm in training mode, as PyTorch exports it with `training=TRAINING`, is refused: nothing
 * reads its running statistics. Load such a model with `mode: 'inference'`.
 *
 * A model whose batch norm was folded into its convolutions is refused. From PyTorch, export with
 * `training=torch.onnx.TrainingMode.PRESERVE` and `do_constant_folding=False`, or with
 * `dynamo=True, optimize=False`.
 *
 * @param ort - the module `onnxruntime-node`
 * @param model - a loaded model of opset 9 or later; every run uses its present weights
 * @param options - see {@link BatchNormModelOptions}
 * @returns the batch norm of the model; release it
 * @throws PolyakError `ERR_BATCH_NORM` for a model without batch norm, for batch norm in training
 *   mode, and for running statistics that cannot be replaced: they are not float initializers, or
 *   something else uses them too
 * @throws PolyakError `ERR_UNSUPPORTED` for an opset before 9 (14 for `training-mode`), for batch
 *   norm inside `If`, `Loop`, `Scan` or functions, and for `training-mode` on webgpu. Its runs
 *   throw `ERR_UNSUPPORTED` where ONNX Runtime cannot run the graph, `ERR_MODEL` where it refuses
 *   the batch, `ERR_DISPOSED` after release, and a TypeError where the batch lacks an input
 *
 * @example
 * ```ts
 * import * as ort from 'onnxruntime-node';
 * import { bnUpdate } from '@polyak/core';
 * import { batchNormModel, loadOnnxModel } from '@polyak/backend-onnx';
 * import { create, toBinary } from '@bufbuild/protobuf';
 * import { ModelProtoSchema } from '@polyak/backend-onnx/proto';
 *
 * // One layer of one channel, as an exporter would write it.
 * const weights = ['bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'];
 * const type = { value: { case: 'tensorType', value: { elemType: 1 } } } as const;
 * const file = create(ModelProtoSchema, {
 *   irVersion: 8n,
 *   opsetImport: [{ version: 17n }],
 *   graph: {
 *     name: 'normalization',
 *     node: [{ opType: 'BatchNormalization', input: ['x', ...weights], output: ['y'] }],
 *     initializer: weights.map((name) => ({ name, dims: [1n], dataType: 1, floatData: [1] })),
 *     input: [{ name: 'x', type }],
 *     output: [{ name: 'y', type }],
 *   },
 * });
 *
 * const model = await loadOnnxModel(ort, toBinary(ModelProtoSchema, file));
 * const batchNorm = batchNormModel(ort, model);
 * const batches = [[1, 3], [5, 7]].map((batch) => new ort.Tensor('float32', batch, [2, 1]));
 * await bnUpdate(batches, batchNorm, { statistics: 'pooled' });
 *
 * console.log(batchNorm.layers.map(({ name }) => name)); // ['bn']
 * console.log(model.initializers.get('bn.running_mean')?.get().data[0]); // 4
 * console.log(model.initializers.get('bn.running_var')?.get().data[0]); // 5
 * await batchNorm.release();
 * await model.release();
 * ```
 *
 * @see Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167; Chan, Golub and LeVeque 1983 on
 * the reductions
 */
export function batchNormModel(
  ort: Ort,
  model: Pick<OnnxModel, 'proto' | 'initializers' | 'inputNames'>,
  options: BatchNormModelOptions = {},
): OnnxBatchNormModel {
  requireOrt('batchNormModel', ort);
  const given = requireOptions('batchNormModel', options, OPTIONS);
  if ((model as Partial<OnnxModel> | null | undefined)?.proto === undefined) {
    throw new TypeError(
      `batchNormModel: the model is ${foundText(model)}, expected one that loadOnnxModel loaded.`,
    );
  }
  const {
    varianceKind = 'unbiased',
    reduction = 'reduce-mean',
    backend = inHostMemory(ort),
    sampleCount = (batch: OnnxBatch): number => firstExtent(batch, inputNames),
  } = given;
  const executionProviders = readProviders('batchNormModel', given.executionProviders ?? ['cpu']);
  requireWord('batchNormModel', 'varianceKind', varianceKind, ['unbiased', 'population']);
  requireWord('batchNormModel', 'reduction', reduction, ['reduce-mean', 'training-mode']);
  requireFunction('batchNormModel', 'sampleCount', sampleCount);
  const { download } = Object(backend) as Partial<WeightStorage>;
  requireFunction('batchNormModel', 'download of the backend', download);
  const { proto, initializers, inputNames } = model;
  if (reduction === 'training-mode' && executionProviders.includes('webgpu')) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      'batchNormModel: webgpu has no batch norm in training mode. Use the reduction "reduce-mean".',
    );
  }
  const found = findBatchNorms(proto, new Set(initializers.keys()));
  const layers = found.map((nodes) => batchNormLayer(nodes, initializers, backend, varianceKind));
  const nodesOf = new Map(layers.map((layer, index) => [layer, found[index]]));
  const runner = momentsRunner(ort, { proto, initializers, reduction, executionProviders });

  return {
    layers,
    sampleCount,
    async batchMoments(batch, wanted) {
      const nodes = wanted.map((layer) => {
        const known = nodesOf.get(layer);
        if (known !== undefined) return known;
        throw new TypeError(`batchMoments: "${layer.name}" is not one of this model's layers.`);
      });
      return runner.run(nodes, feedsOf(batch, inputNames));
    },
    release: () => runner.release(),
  };
}

function firstExtent(batch: OnnxBatch, inputNames: readonly string[]): number {
  const feeds = feedsOf(batch, inputNames);
  const name = inputNames.find((candidate) => feeds[candidate] !== undefined) ?? '';
  const extent = feeds[name]?.dims[0];
  if (extent !== undefined) return extent;
  throw new TypeError(
    `sampleCount: the batch has no samples along the first axis of "${name}", of the inputs ` +
      `[${inputNames.join(', ')}]. Pass the option sampleCount.`,
  );
}
