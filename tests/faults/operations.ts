// What a script does with a model in training: what tests/truth lacks, and what goes with it.
import type { StateTree } from '@polyak/core';
import { importAverage } from '@polyak/core/interop';
import type { World } from './world.js';

/** One operation, the same in every world. */
export interface Operation {
  readonly name: string;
  readonly run: <T>(world: World<T>) => Promise<unknown>;
}

type Draw = (count: number) => number;

/** What a callback sees of the model. */
function look<T>(world: World<T>): () => Promise<StateTree> {
  return async () =>
    world.faults.call('fn', async () => {
      const statistics = world.bn.held.flatMap(({ mean, variance }) => [...mean, ...variance]);
      return [await world.live(), statistics];
    });
}

/** An update. */
export const FIRST: Operation = {
  name: 'update',
  run: async ({ averaged }) => averaged.update(),
};

/** One operation at random. */
export function drawOperation(draw: Draw): Operation {
  const [useBn, isRecallable, name] = [draw(2) === 0, draw(3) === 0, draw(4)];
  const average = ['ema', 'half', 'last', undefined][name];
  const options = <T>(world: World<T>) => ({
    ...(useBn ? { batchNorm: world.batchNorm } : {}),
    // Where there is one average, it has no name.
    ...(average !== undefined && world.hasNames ? { average } : {}),
  });
  const bnOnly = <T>(world: World<T>) => (useBn ? { batchNorm: world.batchNorm } : {});
  const swap: Operation = {
    name: `swap, ${isRecallable ? 'recallable' : 'not recallable'}`,
    async run(world) {
      const recallable = { ...options(world), recallable: isRecallable };
      const given = world.averaged.isSwapped ? {} : recallable;
      await world.averaged.swap(given);
    },
  };
  const withAveraged: Operation = {
    name: 'withAveraged',
    run: async (world) => world.averaged.withAveraged(look(world), options(world)),
  };
  const take: Operation = { name: 'take', run: async ({ members }) => members.take() };
  const withMember: Operation = {
    name: 'withMember',
    async run(world) {
      if (world.members.length > 0) {
        await world.members.withMember(0, look(world), bnOnly(world));
      }
    },
  };
  const collect: Operation = { name: 'collect', run: async ({ swag }) => swag.collect() };
  const withSample: Operation = {
    name: 'withSample',
    async run(world) {
      if (world.swag.nModels > 1) return world.swag.withSample(look(world), bnOnly(world));
      return undefined;
    },
  };
  // What is here more than once is drawn more often.
  const all: readonly Operation[] = [
    { name: 'train', run: async (world) => world.train() },
    FIRST,
    FIRST,
    FIRST,
    swap,
    swap,
    {
      name: 'swap back',
      async run({ averaged }) {
        if (averaged.isSwapped) await averaged.swap();
      },
    },
    withAveraged,
    withAveraged,
    {
      name: 'stateDict',
      async run(world) {
        world.saved = await world.averaged.stateDict();
      },
    },
    {
      name: 'loadStateDict',
      async run(world) {
        const { averaged, saved } = world;
        if (saved !== undefined) await averaged.loadStateDict(saved);
      },
    },
    {
      name: 'importAverage',
      async run(world) {
        const state = await world.averaged.stateDict();
        const swaState = state.averages[Object.keys(state.averages)[0] ?? '']?.swaState ?? {};
        const nAvg = state.paramGroups.map((_, n) => {
          const own = state.paramGroups[n]?.params ?? [];
          return own.every((param) => Object.hasOwn(swaState, param)) ? 7 + n : 0;
        });
        if (nAvg.includes(0)) return;
        await world.averaged.loadStateDict(importAverage(state, { swaState, nAvg }));
      },
    },
    take,
    take,
    take,
    withMember,
    collect,
    collect,
    withSample,
  ];
  return all[draw(all.length)] as Operation;
}
