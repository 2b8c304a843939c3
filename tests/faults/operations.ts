// What a script does with a model in training: what tests/truth lacks, and what goes with it.
import type { AveragesState, StateTree } from '@polyak/core';
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

/** An update of all groups. */
export const FIRST: Operation = {
  name: 'update',
  run: async ({ swa, averaged }) => swa?.updateSwa() ?? averaged?.update(),
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
  const all: readonly Operation[] = [
    { name: 'train', run: async (world) => world.train() },
    FIRST,
    {
      name: 'step',
      run: async ({ swa, averaged, faults }) =>
        swa?.step(async () => faults.call('closure', () => 3)) ?? averaged?.update(),
    },
    {
      name: 'step',
      run: async ({ swa, averaged, faults }) =>
        swa?.step(() => faults.call('closure', () => 3)) ?? averaged?.update(),
    },
    {
      name: `swap, ${isRecallable ? 'recallable' : 'not recallable'}`,
      async run(world) {
        const recallable = { ...options(world), recallable: isRecallable };
        const given = world.isSwapped ? {} : recallable;
        await (world.swa?.swapSwaSgd(given) ?? world.averaged?.swap(given));
      },
    },
    {
      name: `swap, ${isRecallable ? 'recallable' : 'not recallable'}`,
      async run(world) {
        const recallable = { ...options(world), recallable: isRecallable };
        const given = world.isSwapped ? {} : recallable;
        await (world.swa?.swapSwaSgd(given) ?? world.averaged?.swap(given));
      },
    },
    {
      name: 'swap back',
      async run({ swa, averaged, isSwapped }) {
        if (isSwapped) await (swa?.swapSwaSgd() ?? averaged?.swap());
      },
    },
    {
      name: 'withAveraged',
      run: async (world) =>
        world.swa?.withAveraged(look(world), options(world)) ??
        world.averaged?.withAveraged(look(world), options(world)),
    },
    {
      name: 'withAveraged',
      run: async (world) =>
        world.swa?.withAveraged(look(world), options(world)) ??
        world.averaged?.withAveraged(look(world), options(world)),
    },
    {
      name: 'stateDict',
      async run(world) {
        world.saved = await world.stateDict();
      },
    },
    {
      name: 'loadStateDict',
      async run(world) {
        const { swa, averaged, saved } = world;
        if (saved !== undefined)
          await (swa?.loadStateDict(saved) ?? averaged?.loadStateDict(saved));
      },
    },
    {
      name: 'importAverage',
      async run(world) {
        const state = (await world.stateDict()) as AveragesState;
        const swaState = state.averages[Object.keys(state.averages)[0] ?? '']?.swaState ?? {};
        const nAvg = state.paramGroups.map((_, n) => {
          const own = state.paramGroups[n]?.params ?? [];
          return own.every((param) => Object.hasOwn(swaState, param)) ? 7 + n : 0;
        });
        if (nAvg.includes(0)) return;
        const imported = importAverage(state, { swaState, nAvg });
        await (world.swa?.loadStateDict(imported) ?? world.averaged?.loadStateDict(imported));
      },
    },
    { name: 'take', run: async ({ members }) => members.take() },
    {
      name: 'withMember',
      async run(world) {
        if (world.members.length > 0) {
          await world.members.withMember(0, look(world), bnOnly(world));
        }
      },
    },
    { name: 'collect', run: async ({ swag }) => swag.collect() },
    {
      name: 'withSample',
      async run(world) {
        if (world.swag.nModels > 1) return world.swag.withSample(look(world), bnOnly(world));
        return undefined;
      },
    },
  ];
  return all[draw(all.length)] as Operation;
}
