// One network in training: its weights and its optimizer.
import type { NamedTensors, StateTree } from '@polyak/core';
import { ParameterSet } from '@polyak/core';
import type { Optimizer, Parameter } from '@polyak/core/interfaces';
import { recordOf } from '@polyak/core/interfaces';
import type { TfjsBackend } from '@polyak/backend-tfjs';
import { modelParameters, tfjsOptimizer } from '@polyak/backend-tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { BatchNorm } from './batch-norm.js';
import type { DeviceExamples } from './scores.js';
import * as tf from '@tensorflow/tfjs-core';

const momentum = 0.9;

/** A network with SGD. */
export class Trainee {
  readonly model: LayersModel;
  readonly parameters: readonly Parameter<Tensor>[];
  readonly batchNorm: BatchNorm;
  readonly weights: ParameterSet<Tensor>;
  readonly #sgd = tf.train.momentum(1, momentum);
  readonly #optimizer: Optimizer<Tensor>;

  constructor(model: LayersModel, train: DeviceExamples, backend: TfjsBackend) {
    this.model = model;
    this.batchNorm = new BatchNorm(model, train);
    this.parameters = modelParameters(model);
    this.weights = new ParameterSet(this.parameters, { backend });
    this.#optimizer = tfjsOptimizer(tf, this.#sgd, this.parameters);
  }

  /** Makes one step and returns the loss before it, which the caller disposes of. */
  step({ inputs, labels }: DeviceExamples, rate: number): Scalar {
    this.#sgd.setLearningRate(rate);
    const loss = this.#sgd.minimize(() => {
      const logits = this.model.apply(inputs, { training: true }) as Tensor;
      return tf.losses.softmaxCrossEntropy<Tensor, Scalar>(labels, logits);
    }, true);
    if (loss === null) throw new Error('minimize returned no loss.');
    return loss;
  }

  /** Weights, batch-norm statistics and momenta. */
  async stateDict(): Promise<StateTree> {
    return {
      weights: await this.weights.read(),
      statistics: await this.batchNorm.read(),
      optimizer: await this.#optimizer.stateDict(),
    };
  }

  async loadStateDict(state: StateTree): Promise<void> {
    const { weights, statistics, optimizer } = recordOf(state);
    await this.weights.write(weights as NamedTensors);
    await this.batchNorm.write(statistics as NamedTensors);
    await this.#optimizer.loadStateDict(optimizer ?? null);
  }

  dispose(): void {
    this.model.dispose();
    this.#sgd.dispose();
  }
}
