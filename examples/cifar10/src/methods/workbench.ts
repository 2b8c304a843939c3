// What methods work with: the network of a seed, the files of its legs, and its predictions.
import type { NamedTensors, WithWeightsOptions } from '@polyak/core';
import { Snapshots } from '@polyak/ensemble';
import type * as TensorFlow from '@tensorflow/tfjs';

import { type Batch, trainingBatches } from '../data/batches.js';
import type { Images } from '../data/cifar10.js';
import type { Network } from '../network/network.js';
import type { Leg } from '../plan/leg.js';
import { readAverage, snapshotFiles } from '../training/leg-files.js';
import type { Surroundings } from '../training/surroundings.js';
import { type Score, scoreOf } from './score.js';

type WithBatchNorm = WithWeightsOptions<TensorFlow.Tensor>;

/** What methods work with. */
export interface Workbench {
  readonly network: Network;
  readonly surroundings: Surroundings;
  /** The images that methods predict. */
  readonly images: Images;
  /** Training images kept out of training, on which methods may choose. */
  readonly validation: Images | undefined;
  /** The batches of one pass over the training images. */
  readonly trainBatches: number;
  /** The batches of one pass over the images that are predicted, as large as those of training. */
  readonly testBatches: number;
  /** The weights of a leg after an epoch. */
  weights(leg: Leg, epoch: number): Promise<NamedTensors>;
  /**
   * The weights of a leg after several epochs, with its batch-norm statistics.
   *
   * @param folder - that of another seed; default the seed's own
   */
  members(
    leg: Leg,
    epochs: readonly number[],
    folder?: string,
  ): Promise<Snapshots<TensorFlow.Tensor>>;
  /** An average that an observer of a leg has kept after an epoch. */
  average(leg: Leg, name: string, epoch: number): Promise<NamedTensors>;
  /** Batch norm is updated with the images of an epoch as its training saw them. */
  updated(epoch: number): WithBatchNorm;
  /** The predictions of weights whose batch norm is updated. */
  predict(weights: NamedTensors, epoch: number): Promise<Float64Array>;
  /** The score of weights on the validation images, batch norm updated. */
  validate(weights: NamedTensors, epoch: number): Promise<Score>;
}

/** The workbench of a seed. */
export function createWorkbench(
  network: Network,
  surroundings: Surroundings,
  { images, validation }: Pick<Workbench, 'images' | 'validation'>,
): Workbench {
  const { folder, problem, settings } = surroundings;
  const { batchSize, seed } = settings;

  async function members(
    leg: Leg,
    epochs: readonly number[],
    from: string = folder,
  ): Promise<Snapshots<TensorFlow.Tensor>> {
    const firstEpoch = (leg.after?.epoch ?? 0) + 1;
    const store = await snapshotFiles(from, leg, leg.lastEpoch);
    const keys = store.keys?.filter((_, index) => epochs.includes(firstEpoch + index)) ?? [];
    if (keys.length !== epochs.length) {
      throw new Error(
        `${leg.name} has the weights of ${keys.length} of the epochs ${epochs.join()}.`,
      );
    }
    const { allParameters, backend } = network;
    return new Snapshots(allParameters, { backend, store: { ...store, keys } });
  }

  function updated(epoch: number): WithBatchNorm {
    const batches: Iterable<Batch> = {
      [Symbol.iterator]: () => trainingBatches(problem.train, batchSize, seed, epoch),
    };
    return { batchNorm: network.batchNormOn(batches) };
  }

  const onImages = async (
    weights: NamedTensors,
    epoch: number,
    predicted: Images,
  ): Promise<Float64Array> =>
    network.weights.withWeights(
      trainedOf(network, weights),
      async () => network.predict(predicted),
      updated(epoch),
    );

  return {
    network,
    surroundings,
    images,
    validation,
    trainBatches: Math.floor(problem.train.count / batchSize),
    testBatches: Math.ceil(problem.test.count / batchSize),
    members,
    async weights(leg, epoch) {
      return trainedOf(network, await (await members(leg, [epoch])).weights(0));
    },
    average: async (leg, name, epoch) => readAverage(folder, leg, { name, epoch }),
    updated,
    predict: async (weights, epoch) => onImages(weights, epoch, images),
    async validate(weights, epoch) {
      if (validation === undefined) throw new Error('There are no validation images.');
      return scoreOf(await onImages(weights, epoch, validation), validation.labels);
    },
  };
}

/** Weights without the running statistics of batch norm. */
export function trainedOf({ weights }: Network, all: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(all).filter(([name]) => weights.specs.has(name)));
}

/** The bytes of the trained weights. */
export function weightBytes({ network }: Workbench): number {
  return bytesOf(network.weights.specs);
}

/** The bytes of the trained weights and of the running statistics. */
export function memberBytes({ network }: Workbench): number {
  return bytesOf(network.allWeights.specs);
}

function bytesOf(specs: ReadonlyMap<string, { readonly shape: readonly number[] }>): number {
  const sizes = [...specs.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  return 4 * sizes.reduce((sum, size) => sum + size, 0);
}
