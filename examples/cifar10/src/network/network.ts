// The network as everything else uses it: its weights, its batch norm and its predictions.
import {
  batchNormModel,
  modelParameters,
  tfjsBackend,
  variableParameters,
} from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { ParameterSet } from '@polyak/core';
import type { AveragedBatchNorm } from '@polyak/core';
import type { Backend, Parameter } from '@polyak/core/interfaces';
import type * as TensorFlow from '@tensorflow/tfjs';

import { type Batch, plainBatches } from '../data/batches.js';
import { CHANNELS, CLASSES, type Images, IMAGE_SIZE } from '../data/cifar10.js';
import { useFusedKernels } from './fused-kernels.js';
import { createResNet, type Size } from './resnet.js';
import { softmax } from './softmax.js';

type Tensor = TensorFlow.Tensor;

/** A network, and what Polyak needs of it. */
export interface Network {
  readonly tf: TensorFlowWithLayers;
  readonly model: TensorFlow.LayersModel;
  readonly backend: Backend<Tensor>;
  /** The trained weights. */
  readonly parameters: readonly Parameter<Tensor>[];
  /** The trained weights and the running statistics of batch norm. */
  readonly allParameters: readonly Parameter<Tensor>[];
  /** The trained weights, to read and replace. */
  readonly weights: ParameterSet<Tensor>;
  /** The trained weights and the running statistics, to read and replace. */
  readonly allWeights: ParameterSet<Tensor>;
  /** Batch norm is updated with these images. `batches` start anew in each iteration. */
  batchNormOn(batches: Iterable<Batch>): AveragedBatchNorm<Tensor>;
  imagesOf(batch: Batch): TensorFlow.Tensor4D;
  /** The probabilities of the classes, [images, 10], with the weights as they are. */
  predict(images: Images): Promise<Float64Array>;
  dispose(): void;
}

/** The network of a seed before its first step. */
export function createNetwork(tf: TensorFlowWithLayers, size: Size, seed: number): Network {
  const model = createResNet(tf, size, seed);
  useFusedKernels(tf, model);
  const backend = tfjsBackend(tf);
  const parameters = modelParameters(model);
  // What `read` returns is the variable itself, whatever its type says.
  const variables = model.weights.map(
    (weight) => [weight.originalName, weight.read() as TensorFlow.Variable] as const,
  );
  const allParameters = variableParameters(Object.fromEntries(variables));
  const batchNorm = batchNormModel(tf, model);

  function imagesOf({ images, count }: Batch): TensorFlow.Tensor4D {
    return tf.tensor4d(images, [count, IMAGE_SIZE, IMAGE_SIZE, CHANNELS]);
  }

  return {
    tf,
    model,
    backend,
    parameters,
    allParameters,
    weights: new ParameterSet(parameters, { backend }),
    allWeights: new ParameterSet(allParameters, { backend }),
    batchNormOn: (batches) => ({ model: batchNorm, loader: inputs(batches) }),
    imagesOf,
    async predict(images) {
      const probabilities = new Float64Array(images.count * CLASSES);
      let row = 0;
      for (const batch of plainBatches(images)) {
        const logits = tf.tidy(
          () => model.apply(imagesOf(batch), { training: false }) as TensorFlow.Tensor2D,
        );
        probabilities.set(softmax(await logits.data(), CLASSES), row * CLASSES);
        logits.dispose();
        row += batch.count;
      }
      return probabilities;
    },
    dispose: () => void model.dispose(),
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
