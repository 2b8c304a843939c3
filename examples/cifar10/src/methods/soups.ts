// Soups: means of the weights of several runs, and what is chosen among weights on validation
// images.
import type { NamedTensors } from '@polyak/core';
import { chooseStart, greedySoup, meanOf, Soup } from '@polyak/ensemble';

import type { Leg } from '../plan/leg.js';
import type { Surroundings } from '../training/surroundings.js';
import type { Method } from './method.js';
import { memberBytes, trainedOf, weightBytes, type Workbench } from './workbench.js';

/** Weights that go into a soup, and the training that they take. */
export interface Ingredient {
  readonly name: string;
  readonly leg: Leg;
  readonly read: (workbench: Workbench) => Promise<NamedTensors>;
}

/**
 * The soup of a leg's last weights with two seeds, which share nothing, and for comparison the
 * ensemble of both.
 *
 * @param partner - the other seed
 */
export function ofTwoSeeds(leg: Leg, partner: Surroundings): readonly Method[] {
  const { name, lastEpoch } = leg;
  const shared = {
    budget: 2 * lastEpoch,
    needs: [
      { leg, epoch: lastEpoch },
      { leg, epoch: lastEpoch, of: partner },
    ],
  };
  const soup: Method = {
    ...shared,
    name: `two-seeds/${name}/mean-of-weights`,
    memoryBytes: weightBytes,
    async predict(workbench) {
      const { members, network, predict, trainBatches } = workbench;
      const mean = new Soup().add(await workbench.weights(leg, lastEpoch));
      const other = await (await members(leg, [lastEpoch], partner.folder)).weights(0);
      mean.add(trainedOf(network, other));
      const probabilities = await predict(mean.mean(), lastEpoch);
      return { probabilities, forwardPasses: trainBatches };
    },
  };
  const ensemble: Method = {
    ...shared,
    name: `two-seeds/${name}/ensemble`,
    memoryBytes: memberBytes,
    async predict({ members, network, images, testBatches }) {
      const predictions = [];
      for (const folder of [undefined, partner.folder]) {
        const snapshots = await members(leg, [lastEpoch], folder);
        predictions.push(await snapshots.withMember(0, async () => network.predict(images)));
      }
      return { probabilities: meanOf(predictions), forwardPasses: testBatches };
    },
  };
  return [soup, ensemble];
}

/** The mean of the weights of endings that go on from one trunk. */
export function uniformSoup(ingredients: readonly Ingredient[]): Method {
  return {
    ...costOf(ingredients),
    name: 'soup-of-endings/uniform',
    async predict(workbench) {
      const soup = new Soup();
      for (const { read } of ingredients) soup.add(await read(workbench));
      const probabilities = await workbench.predict(soup.mean(), lastEpochOf(ingredients));
      return { probabilities, forwardPasses: workbench.trainBatches };
    },
  };
}

/** The greedy soup of such endings, chosen by its log-loss on the validation images. */
export function greedySoupOf(ingredients: readonly Ingredient[]): Method {
  return {
    ...costOf(ingredients),
    name: 'soup-of-endings/greedy',
    async predict(workbench) {
      const epoch = lastEpochOf(ingredients);
      const candidates = [];
      for (const { read } of ingredients) candidates.push(await read(workbench));
      const { weights, members } = await greedySoup(
        candidates,
        async (tried) => -(await workbench.validate(tried, epoch)).logLoss,
      );
      return {
        probabilities: await workbench.predict(weights, epoch),
        forwardPasses: workbench.trainBatches,
        choice: members.map((index) => ingredients[index]?.name).join(' + '),
      };
    },
  };
}

/**
 * The mean of the weights after the last epochs of a leg, from the start that is best by its
 * log-loss on the validation images.
 *
 * @param first - the first epoch that it may begin with
 */
export function chosenStart(leg: Leg, first: number): Method {
  const { name, lastEpoch } = leg;
  const epochs = Array.from({ length: lastEpoch - first + 1 }, (_, index) => first + index);
  return {
    name: `chosen-start/${name}`,
    budget: lastEpoch,
    needs: [{ leg, epoch: lastEpoch }],
    memoryBytes: (workbench) => epochs.length * weightBytes(workbench),
    async predict(workbench) {
      const { members, network } = workbench;
      const snapshots = await members(leg, epochs);
      const all: NamedTensors[] = [];
      for (const index of epochs.keys()) {
        all.push(trainedOf(network, await snapshots.weights(index)));
      }
      const { start, weights } = await chooseStart(
        all,
        async (tried) => -(await workbench.validate(tried, lastEpoch)).logLoss,
      );
      return {
        probabilities: await workbench.predict(weights, lastEpoch),
        forwardPasses: workbench.trainBatches,
        choice: `epochs ${first + start} to ${lastEpoch}`,
      };
    },
  };
}

function costOf(
  ingredients: readonly Ingredient[],
): Pick<Method, 'budget' | 'needs' | 'memoryBytes'> {
  // The last epoch of each leg that the ingredients need.
  const lastEpochs = new Map<Leg, number>();
  const need = (leg: Leg, epoch: number): void => {
    lastEpochs.set(leg, Math.max(epoch, lastEpochs.get(leg) ?? 0));
    if (leg.after !== undefined) need(leg.after.leg, leg.after.epoch);
  };
  for (const { leg } of ingredients) need(leg, leg.lastEpoch);
  const epochs = [...lastEpochs].map(([leg, epoch]) => epoch - (leg.after?.epoch ?? 0));
  return {
    budget: epochs.reduce((sum, each) => sum + each, 0),
    needs: ingredients.map(({ leg }) => ({ leg, epoch: leg.lastEpoch })),
    memoryBytes: (workbench) => ingredients.length * weightBytes(workbench),
  };
}

function lastEpochOf(ingredients: readonly Ingredient[]): number {
  return Math.max(...ingredients.map(({ leg }) => leg.lastEpoch));
}
