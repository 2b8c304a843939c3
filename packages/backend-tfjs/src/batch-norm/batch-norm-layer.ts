// The batch-norm layers of a layers model: where they are, and their running statistics.
import { PolyakError } from '@polyak/core';
import type { BatchNormLayer, RunningStatistics } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { layers, LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { withElements } from '../averaging/elements.js';
import { layersOf } from '../model/layer-tree.js';
import type { TensorFlow } from '../tensorflow.js';

/** What tfjs's `BatchNormalization` is; its type declares most of it private. */
export interface BatchNormalization {
  readonly trainable: boolean;
  readonly axis: number;
  readonly epsilon: number;
  /** Absent with `scale: false`. */
  readonly gamma?: LayerVariable;
  /** Absent with `center: false`. */
  readonly beta?: LayerVariable;
  readonly movingMean: LayerVariable;
  readonly movingVariance: LayerVariable;
  /** One for each place of the layer in models. */
  readonly inboundNodes: readonly object[];
  call: (inputs: Tensor | Tensor[], options: CallOptions) => Tensor | Tensor[];
}

/** What tfjs passes from layer to layer in a forward pass. */
type CallOptions = Readonly<Record<string, unknown>>;

/** A layer of tfjs, and the same layer as core sees it. */
export interface FoundLayer {
  readonly layer: BatchNormalization;
  readonly view: BatchNormLayer;
}

/**
 * All batch-norm layers of a model, those of nested models and wrappers such as `TimeDistributed`
 * included, each once.
 *
 * @param tf - the runtime
 * @param model - a built model
 * @returns each named by the path of layer names that leads to it
 */
export function batchNormLayers(tf: TensorFlow, model: LayersModel): readonly FoundLayer[] {
  const found = new Map<layers.Layer, FoundLayer>();
  for (const { layer, path } of layersOf(model)) {
    // By class name, since `instanceof` fails where two copies of tfjs-layers are installed.
    if (layer.getClassName() !== 'BatchNormalization' || found.has(layer)) continue;
    // The only place that reads a layer's private fields.
    const batchNorm = layer as unknown as BatchNormalization;
    found.set(layer, { layer: batchNorm, view: viewOf(tf, path, batchNorm) });
  }
  return [...found.values()];
}

/**
 * Throws where tfjs cannot train the model: with `scale: false` or `center: false` its batch norm
 * crashes in training mode.
 *
 * @throws PolyakError `ERR_UNSUPPORTED`, naming the layers
 */
export function requireTrainable(tf: TensorFlow, model: LayersModel): void {
  const unfit = batchNormLayers(tf, model).filter(
    ({ layer: { gamma, beta } }) =>
      gamma === undefined || gamma === null || beta === undefined || beta === null,
  );
  if (unfit.length === 0) return;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    'tfjs cannot train batch norm with scale: false or center: false, as in ' +
      `${unfit.map(({ view }) => `"${view.name}"`).join(', ')}. Leave both options out.`,
  );
}

function viewOf(tf: TensorFlow, name: string, layer: BatchNormalization): BatchNormLayer {
  const channels = layer.movingMean.shape[0] ?? 0;
  const statistic = layer.movingMean.read();
  const isGone = (): boolean => statistic.isDisposed;

  function write(variable: LayerVariable, values: Float64Array): void {
    const tensor = tf.tensor1d(Float32Array.from(values));
    variable.write(tensor);
    tensor.dispose();
  }

  return {
    name,
    identity: layer,
    channels,
    get trainable() {
      return layer.trainable;
    },
    varianceKind: 'population',
    read() {
      if (isGone())
        return { mean: new Float64Array(channels), variance: new Float64Array(channels) };
      const tensors = [layer.movingMean.read(), layer.movingVariance.read()];
      return withElements(tf, tensors, ([mean = [], variance = []]) => ({
        mean: Float64Array.from(mean),
        variance: Float64Array.from(variance),
      }));
    },
    write({ mean, variance }: RunningStatistics) {
      if (mean.length !== channels || variance.length !== channels) {
        throw new PolyakError(
          'ERR_BATCH_NORM',
          `write: the statistics of "${name}" have ${mean.length} means and ${variance.length} ` +
            `variances, expected ${channels} of each, one a channel.`,
        );
      }
      // The live statistics of a model that was disposed of meanwhile have no place to go back to.
      if (isGone()) return;
      write(layer.movingMean, mean);
      write(layer.movingVariance, variance);
    },
  };
}
