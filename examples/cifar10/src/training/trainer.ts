// The network in training: one step, and all of its state.
import { tfjsOptimizer } from '@polyak/backend-tfjs';
import type { NamedTensors, StateTree } from '@polyak/core';
import type * as TensorFlow from '@tensorflow/tfjs';

import type { Batch } from '../data/batches.js';
import { CLASSES } from '../data/cifar10.js';
import type { Network } from '../network/network.js';
import type { Settings } from '../plan/settings.js';

/** SGD with momentum and weight decay. */
export interface Trainer {
  /** Takes a step; gives the mean cross-entropy of the batch before it, in nats. */
  step(batch: Batch, learningRate: number): Promise<number>;
  /** All that later steps depend on: weights, batch-norm statistics and momenta. */
  state(): Promise<TrainerState>;
  restore(state: TrainerState): Promise<void>;
  dispose(): void;
}

/** Plain data, for `toSafetensors`. */
export type TrainerState = {
  readonly weights: NamedTensors;
  readonly optimizer: StateTree;
};

/** A trainer of the network, before its first step. */
export function createTrainer(
  { tf, model, parameters, allWeights, imagesOf }: Network,
  { initialRate, momentum, weightDecay }: Settings,
): Trainer {
  // What `read` returns is the variable itself, whatever its type says.
  const variables = model.trainableWeights.map((weight) => weight.read() as TensorFlow.Variable);
  const optimizer = tf.train.momentum(initialRate, momentum);
  const base = tfjsOptimizer(tf, optimizer, parameters);
  return {
    async step(batch, learningRate) {
      for (const group of base.paramGroups) group.lr = learningRate;
      const loss = tf.tidy(() => {
        const images = imagesOf(batch);
        const labels = tf.oneHot(tf.tensor1d(batch.labels, 'int32'), CLASSES);
        const { value, grads } = tf.variableGrads(() => {
          const logits = model.apply(images, { training: true }) as TensorFlow.Tensor;
          return tf.losses.softmaxCrossEntropy(labels, logits);
        }, variables);
        optimizer.applyGradients(
          variables.map((variable) => {
            const { name } = variable;
            const gradient = grads[name] ?? missing(name);
            return { name, tensor: tf.add(gradient, variable.mul(weightDecay)) };
          }),
        );
        return value;
      });
      const [lossValue = NaN] = await loss.data();
      loss.dispose();
      return lossValue;
    },
    async state() {
      return { weights: await allWeights.read(), optimizer: await base.stateDict() };
    },
    async restore({ weights, optimizer: optimizerState }) {
      await allWeights.write(weights);
      await base.loadStateDict(optimizerState);
    },
    dispose: () => optimizer.dispose(),
  };
}

function missing(name: string): never {
  throw new Error(`There is no gradient of the weight "${name}".`);
}
