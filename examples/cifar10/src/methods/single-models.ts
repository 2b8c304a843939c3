// Methods that end with one model: last iterates, averages of a run, means of its last epochs.
import type { NamedTensors } from '@polyak/core';
import { decayWeights } from '@polyak/core/rules';
import { Soup } from '@polyak/ensemble';

import type { Leg } from '../plan/leg.js';
import type { Method } from './method.js';
import { trainedOf, weightBytes, type Workbench } from './workbench.js';

/** The weights of a leg after an epoch, with the batch-norm statistics of its training. */
export function lastIterate(name: string, leg: Leg, epoch: number): Method {
  return {
    name,
    budget: epoch,
    needs: [{ leg, epoch }],
    memoryBytes: () => 0,
    async predict({ members, network, images }) {
      const snapshots = await members(leg, [epoch]);
      const probabilities = await snapshots.withMember(0, async () => network.predict(images));
      return { probabilities, forwardPasses: 0 };
    },
  };
}

/** Weights that are made of those of a leg, batch norm updated. */
export function averaged(
  name: string,
  { leg, epoch, kept }: { readonly leg: Leg; readonly epoch: number; readonly kept: number },
  weightsOf: (workbench: Workbench) => Promise<NamedTensors>,
): Method {
  return {
    name,
    budget: epoch,
    needs: [{ leg, epoch }],
    memoryBytes: (workbench) => kept * weightBytes(workbench),
    async predict(workbench) {
      const probabilities = await workbench.predict(await weightsOf(workbench), epoch);
      return { probabilities, forwardPasses: workbench.trainBatches };
    },
  };
}

/** An average that was updated while a leg trained, batch norm updated. */
export function observed(name: string, leg: Leg, average: string, epoch: number): Method {
  return averaged(name, { leg, epoch, kept: 1 }, async (workbench) =>
    workbench.average(leg, average, epoch),
  );
}

/** The same with the batch-norm statistics that training left. */
export function observedWithOldStatistics(
  name: string,
  leg: Leg,
  average: string,
  epoch: number,
): Method {
  return {
    name,
    budget: epoch,
    needs: [{ leg, epoch }],
    memoryBytes: weightBytes,
    async predict({ members, network, images, average: read }) {
      const live = await (await members(leg, [epoch])).weights(0);
      const weights = { ...live, ...(await read(leg, average, epoch)) };
      const probabilities = await network.allWeights.withWeights(weights, async () =>
        network.predict(images),
      );
      return { probabilities, forwardPasses: 0 };
    },
  };
}

/** The mean of the weights after the last epochs up to one, weighted by a curve. */
export function meanOfEpochs(
  name: string,
  {
    leg,
    epoch,
    count,
    curve,
  }: {
    readonly leg: Leg;
    readonly epoch: number;
    readonly count: number;
    readonly curve: 'linear' | 'cosine' | 'minus-sqrt';
  },
): Method {
  return averaged(name, { leg, epoch, kept: count }, async ({ members, network }) => {
    const epochs = Array.from({ length: count }, (_, index) => epoch - count + 1 + index);
    const snapshots = await members(leg, epochs);
    const soup = new Soup();
    for (const [index, weight] of decayWeights(curve, count).entries()) {
      soup.add(trainedOf(network, await snapshots.weights(index)), { weight });
    }
    return soup.mean();
  });
}
