// Batch-norm update of networks made of gpu.js kernels.
import { PolyakError } from '@polyak/core';
import type { Awaitable, BatchNormModel } from '@polyak/core/interfaces';
import type { BatchNorm } from './batch-norm.js';
import { freeArrays } from './flat-kernel.js';
import type { KernelArray } from './flat-kernel.js';
import { momentsPass } from './moments-pass.js';
import type { MomentsPass } from './moments-pass.js';

/** A network with batch norm, for {@link batchNormModel}. */
export interface BatchNormNetwork<Batch> {
  /** Its batch-norm layers, each once. */
  readonly layers: readonly BatchNorm[];
  /**
   * One forward pass in evaluation, at least up to the last of `layers`. It must call
   * `layer.infer(x, pass)` for each layer.
   *
   * @returns arrays to free afterwards, if any
   */
  forward(batch: Batch, pass: MomentsPass): Awaitable<readonly KernelArray[] | undefined>;
  /** The number of samples in a batch. */
  sampleCount(batch: Batch): number;
}

/**
 * The batch norm of a network of gpu.js kernels, for `bnUpdate` and `withAveraged`;
 * {@link batchNorm} has an example. A layer that runs more than once in a pass reports all its
 * inputs together.
 *
 * @param network - layers and forward pass
 * @returns the model as core takes it; it owns nothing
 * @throws PolyakError `ERR_BATCH_NORM` where two layers have the same name; its passes throw it
 *   where `forward` does not reach a layer
 */
export function batchNormModel<Batch>(network: BatchNormNetwork<Batch>): BatchNormModel<Batch> {
  const { layers } = network;
  const twice = layers.find(
    ({ name }, index) => layers.findIndex((other) => other.name === name) < index,
  );
  if (twice !== undefined) {
    throw new PolyakError(
      'ERR_BATCH_NORM',
      `batchNormModel: two layers have the name "${twice.name}", expected unique names.`,
    );
  }
  return {
    layers,
    sampleCount: (batch) => network.sampleCount(batch),
    async batchMoments(batch, wanted) {
      const { pass, moments } = momentsPass(wanted);
      const results = await network.forward(batch, pass);
      freeArrays(...(results ?? []));
      return wanted.map((layer) => {
        const found = moments.get(layer);
        if (found !== undefined) return found;
        throw new PolyakError(
          'ERR_BATCH_NORM',
          `batchMoments: the forward pass did not reach "${layer.name}". Hand the pass to each ` +
            "layer's infer(x, pass).",
        );
      });
    },
  };
}
