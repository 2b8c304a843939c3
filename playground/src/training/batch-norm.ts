// The batch norm of a network: what the average of its weights needs, and its state.
import type { AveragedBatchNorm, NamedTensors } from '@polyak/core';
import type { BatchNormModel } from '@polyak/core/interfaces';
import type { InputBatch } from '@polyak/backend-tfjs';
import { batchNormModel } from '@polyak/backend-tfjs';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { DeviceExamples } from './scores.js';
import * as tf from '@tensorflow/tfjs-core';

/** The batch norm of a network. */
export class BatchNorm {
  /** What `bnUpdate` takes. */
  readonly model: BatchNormModel<InputBatch>;
  /** All training examples, as one batch. */
  readonly loader: readonly InputBatch[];

  constructor(network: LayersModel, train: DeviceExamples) {
    this.model = batchNormModel(tf, network);
    this.loader = [train.inputs];
  }

  get isPresent(): boolean {
    return this.model.layers.length > 0;
  }

  /** The option with which averages get statistics of their own; none without batch norm. */
  get options(): { readonly batchNorm?: AveragedBatchNorm<InputBatch> } {
    if (!this.isPresent) return {};
    return { batchNorm: { model: this.model, loader: this.loader } };
  }

  /** Means and variances, by the names of the layers. */
  async read(): Promise<NamedTensors> {
    const entries = [];
    for (const layer of this.model.layers) {
      const { mean, variance } = await layer.read();
      entries.push(
        [`${layer.name}/mean`, vector(mean)],
        [`${layer.name}/variance`, vector(variance)],
      );
    }
    return Object.fromEntries(entries) as NamedTensors;
  }

  /** Puts statistics back that `read` returned. */
  async write(statistics: NamedTensors): Promise<void> {
    for (const layer of this.model.layers) {
      const mean = statistics[`${layer.name}/mean`]?.data as Float64Array;
      const variance = statistics[`${layer.name}/variance`]?.data as Float64Array;
      await layer.write({ mean, variance });
    }
  }
}

function vector(data: Float64Array): NamedTensors[string] {
  return { dtype: 'float64', shape: [data.length], data };
}
