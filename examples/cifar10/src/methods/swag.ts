// SWAG: a Gaussian over the weights after the last epochs of a run, and predictions averaged over
// samples of it.
import { SWAG } from '@polyak/ensemble';

import type { Leg } from '../plan/leg.js';
import type { Method } from './method.js';
import { weightBytes } from './workbench.js';

const SAMPLES = 30;

/**
 * SWAG with batch norm updated for each sample.
 *
 * @param start - the epochs after which it begins to collect
 * @param rank - of the low-rank part; 0 for a diagonal covariance
 */
export function swagOf(
  name: string,
  { leg, start, rank }: { readonly leg: Leg; readonly start: number; readonly rank: number },
): Method {
  const { lastEpoch } = leg;
  return {
    name,
    budget: lastEpoch,
    needs: [{ leg, epoch: lastEpoch }],
    memoryBytes: (workbench) => ((16 + 4 * rank) / 4) * weightBytes(workbench),
    async predict(workbench) {
      const { network, images, surroundings, trainBatches, testBatches } = workbench;
      const { parameters, backend } = network;
      const swag = new SWAG(parameters, { backend, rank, seed: surroundings.settings.seed });
      const before = await network.weights.read();
      for (let epoch = start + 1; epoch <= lastEpoch; epoch += 1) {
        await network.weights.write(await workbench.weights(leg, epoch));
        await swag.collect();
      }
      await network.weights.write(before);
      const probabilities = await swag.bayesianModelAverage(
        SAMPLES,
        async () => network.predict(images),
        workbench.updated(lastEpoch),
      );
      const forwardPasses = SAMPLES * trainBatches + (SAMPLES - 1) * testBatches;
      return { probabilities, forwardPasses };
    },
  };
}
