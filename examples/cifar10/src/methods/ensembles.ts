// Ensembles of the members that one run visits: snapshot ensembles and FGE.
import { meanOf } from '@polyak/ensemble';

import type { Leg } from '../plan/leg.js';
import { averaged, lastIterate } from './single-models.js';
import type { Method } from './method.js';
import { memberBytes, trainedOf } from './workbench.js';

/**
 * The ensemble of a leg with cycles: its members, the mean of their probabilities, and the mean of
 * their weights.
 *
 * @param epochs - those after which cycles end
 */
export function ensembleOf(name: string, leg: Leg, epochs: readonly number[]): readonly Method[] {
  const { lastEpoch } = leg;
  const ofLeg = { leg, epoch: lastEpoch };
  const ensemble: Method = {
    name,
    budget: lastEpoch,
    needs: [ofLeg],
    memoryBytes: (workbench) => epochs.length * memberBytes(workbench),
    async predict({ members, network, images, testBatches }) {
      const snapshots = await members(leg, epochs);
      const predictions = await snapshots.withEach(async () => network.predict(images));
      const forwardPasses = (epochs.length - 1) * testBatches;
      return { probabilities: meanOf(predictions), forwardPasses };
    },
  };
  const meanOfWeights = averaged(
    `${name}/mean-of-weights`,
    { ...ofLeg, kept: 1 },
    async ({ members, network }) => trainedOf(network, await (await members(leg, epochs)).mean()),
  );
  const each = epochs.map((epoch, index) => ({
    ...lastIterate(`${name}/member-${index + 1}`, leg, epoch),
    budget: lastEpoch,
    needs: [ofLeg],
  }));
  return [ensemble, meanOfWeights, ...each];
}

/** The epochs of a leg after which its cycles end: those with the lowest rates. */
export function cycleEnds({ after, lastEpoch, rates }: Leg): readonly number[] {
  if (rates.kind !== 'cosines' && rates.kind !== 'triangles') return [];
  const { kind, cycleEpochs } = rates;
  const start = after?.epoch ?? 0;
  const first = start + (kind === 'cosines' ? cycleEpochs : cycleEpochs / 2);
  const count = Math.floor((lastEpoch - first) / cycleEpochs) + 1;
  return Array.from({ length: count }, (_, index) => first + index * cycleEpochs);
}
