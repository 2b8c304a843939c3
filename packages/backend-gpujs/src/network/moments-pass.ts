// A forward pass that measures the inputs of batch-norm layers.
import type { BatchNormLayer, Moments } from '@polyak/core/interfaces';
import { mergeMoments } from '@polyak/core/kit';

/** A forward pass that measures the inputs of some batch-norm layers. */
export interface MomentsPass {
  /** Whether `layer` normalises by the batch's statistics and reports them. */
  measures(layer: BatchNormLayer): boolean;
  /** Reports the moments of an input of `layer`. */
  report(layer: BatchNormLayer, moments: Moments): void;
}

/**
 * Makes the pass that `batchMoments` gives to the network.
 *
 * @param layers - the layers to measure
 * @returns the pass and the reported moments; all inputs of a layer that runs more than once count
 * together
 */
export function momentsPass(layers: readonly BatchNormLayer[]): {
  readonly pass: MomentsPass;
  readonly moments: ReadonlyMap<BatchNormLayer, Moments>;
} {
  const moments = new Map<BatchNormLayer, Moments>();
  return {
    moments,
    pass: {
      measures: (layer) => layers.includes(layer),
      report(layer, found) {
        const before = moments.get(layer);
        moments.set(layer, before === undefined ? found : mergeMoments([before, found]));
      },
    },
  };
}
