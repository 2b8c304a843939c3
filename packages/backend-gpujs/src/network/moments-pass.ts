// A forward pass that measures the inputs of batch-norm layers.
import type { BatchNormLayer, Moments } from '@polyak/core/interfaces';
import { mergeMoments } from '@polyak/core/kit';

/** A forward pass that reports what goes into some of a network's batch-norm layers. */
export interface MomentsPass {
  /** Whether `layer` normalises by the batch's statistics and reports them. */
  measures(layer: BatchNormLayer): boolean;
  /** Takes the moments of what went into `layer`. */
  report(layer: BatchNormLayer, moments: Moments): void;
}

/**
 * The pass that `batchMoments` gives to the network.
 *
 * @param layers - the layers to measure
 * @returns the pass, and what was reported: of a layer that ran more than once, all its inputs
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
