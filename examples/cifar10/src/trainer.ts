// The network in training: one step, its scores, its averages, and all of its state.
import { batchNormModel, modelParameters, tfjsBackend, tfjsOptimizer } from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { AveragedModel } from '@polyak/core';
import type { AveragedBatchNorm, StateTree } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import type * as TensorFlow from '@tensorflow/tfjs';

import { type Batch, plainBatches } from './batches.js';
import { CHANNELS, CLASSES, type Images, IMAGE_SIZE } from './cifar10.js';
import { useFusedKernels } from './fused-kernels.js';
import { createResNet } from './resnet.js';
import type { Settings } from './settings.js';

type Tensor = TensorFlow.Tensor;
type Variable = TensorFlow.Variable;

/** What a model is worth on images that it was not trained on. */
export interface Score {
  /** The share of images told right, from 0 to 1. */
  readonly accuracy: number;
  /** The mean cross-entropy, in nats. */
  readonly loss: number;
}

/** An average, scored with the batch-norm statistics that training left, and with its own. */
export interface AverageScore {
  readonly oldStatistics: Score;
  readonly updatedStatistics: Score;
}

/** A network in training, with any number of averages of its weights. */
export interface Trainer {
  /**
   * Takes a step of SGD with momentum and weight decay; gives the mean cross-entropy of the batch
   * before it, in nats.
   */
  step(batch: Batch, learningRate: number): Promise<number>;
  /** Adds the weights as they are to one of the averages. */
  average(index: number): Promise<void>;
  /** Scores the weights as they are. */
  score(images: Images): Promise<Score>;
  /** Scores an average; nothing before its first update. `batches` start anew in each iteration. */
  scoreAverage(
    index: number,
    images: Images,
    batches: Iterable<Batch>,
  ): Promise<AverageScore | undefined>;
  /** All that later steps depend on: weights, batch-norm statistics, momenta, averages. */
  state(): Promise<TrainerState>;
  /** Goes on from a state. One without averages leaves those that there are as they are: none. */
  restore(state: StateTree): Promise<void>;
  dispose(): Promise<void>;
}

/** Plain data, for `toSafetensors`. */
export type TrainerState = {
  readonly weights: { readonly [name: string]: HostTensor };
  readonly optimizer: StateTree;
  readonly averages: readonly StateTree[];
};

/** The network of a seed before its first step, with so many averages. */
export function createTrainer(
  tf: TensorFlowWithLayers,
  { network, seed, initialRate, momentum, weightDecay }: Settings,
  averageCount: number,
): Trainer {
  const model = createResNet(tf, network, seed);
  useFusedKernels(tf, model);
  // What `read` returns is the variable itself, whatever its type says.
  const variables = model.trainableWeights.map((weight) => weight.read() as Variable);
  const optimizer = tf.train.momentum(initialRate, momentum);
  const base = tfjsOptimizer(tf, optimizer, modelParameters(model));
  const averages = Array.from(
    { length: averageCount },
    () => new AveragedModel(modelParameters(model), { backend: tfjsBackend(tf) }),
  );
  const batchNorm = batchNormModel(tf, model);

  function imagesOf({ images, count }: Batch): TensorFlow.Tensor4D {
    return tf.tensor4d(images, [count, IMAGE_SIZE, IMAGE_SIZE, CHANNELS]);
  }

  function crossEntropy({ labels }: Batch, logits: Tensor): TensorFlow.Scalar {
    return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES), logits);
  }

  async function score(images: Images): Promise<Score> {
    let [right, loss] = [0, 0];
    for (const batch of plainBatches(images)) {
      const sums = tf.tidy(() => {
        const logits = model.apply(imagesOf(batch), { training: false }) as Tensor;
        const isRight = logits.argMax(-1).equal(tf.tensor1d(batch.labels, 'int32'));
        return tf.stack([isRight.sum().toFloat(), crossEntropy(batch, logits).mul(batch.count)]);
      });
      const [batchRight = NaN, batchLoss = NaN] = await sums.data();
      sums.dispose();
      right += batchRight;
      loss += batchLoss;
    }
    return { accuracy: right / images.count, loss: loss / images.count };
  }

  return {
    score,
    async step(batch, learningRate) {
      for (const group of base.paramGroups) group.lr = learningRate;
      const loss = tf.tidy(() => {
        const images = imagesOf(batch);
        const { value, grads } = tf.variableGrads(
          () => crossEntropy(batch, model.apply(images, { training: true }) as Tensor),
          variables,
        );
        optimizer.applyGradients(
          variables.map((variable) => {
            const { name } = variable;
            return {
              name,
              tensor: tf.add(grads[name] ?? missing(name), variable.mul(weightDecay)),
            };
          }),
        );
        return value;
      });
      const [lossValue = NaN] = await loss.data();
      loss.dispose();
      return lossValue;
    },
    async average(index) {
      await averages[index]?.update();
    },
    async scoreAverage(index, images, batches) {
      const averaged = averages[index];
      if (averaged === undefined || averaged.nAvg === 0) return undefined;
      const updated: AveragedBatchNorm<Tensor> = { model: batchNorm, loader: inputs(batches) };
      return {
        oldStatistics: await averaged.withAveraged(async () => score(images)),
        updatedStatistics: await averaged.withAveraged(async () => score(images), {
          batchNorm: updated,
        }),
      };
    },
    async state() {
      const weights = await Promise.all(
        model.weights.map(async (weight) => {
          const tensor = weight.read();
          const data = (await tensor.data<'float32'>()).slice();
          return [
            weight.originalName,
            { dtype: 'float32', shape: [...tensor.shape], data },
          ] as const;
        }),
      );
      return {
        weights: Object.fromEntries(weights),
        optimizer: await base.stateDict(),
        averages: await Promise.all(averages.map(async (averaged) => averaged.stateDict())),
      };
    },
    async restore(state) {
      const { weights, optimizer: optimizerState, averages: averageStates } = recordOf(state);
      for (const weight of model.weights) {
        const { data, shape } =
          recordOfTensors(weights)[weight.originalName] ?? missing(weight.originalName);
        tf.tidy(() => void weight.write(tf.tensor(data as Float32Array, [...shape])));
      }
      await base.loadStateDict(optimizerState ?? null);
      for (const [index, averageState] of (averageStates as readonly StateTree[]).entries()) {
        await averages[index]?.loadStateDict(averageState);
      }
    },
    async dispose() {
      for (const averaged of averages) await averaged.dispose();
      optimizer.dispose();
      model.dispose();
    },
  };

  function inputs(batches: Iterable<Batch>): Iterable<Tensor> {
    return {
      *[Symbol.iterator]() {
        for (const batch of batches) {
          const images = imagesOf(batch);
          try {
            yield images;
          } finally {
            images.dispose();
          }
        }
      },
    };
  }
}

function recordOfTensors(node: StateTree | undefined): { readonly [name: string]: HostTensor } {
  return recordOf(node) as { readonly [name: string]: HostTensor };
}

function missing(name: string): never {
  throw new Error(`There is nothing for the weight "${name}".`);
}
