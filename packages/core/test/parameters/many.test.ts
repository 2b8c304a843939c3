// Models of many tensors: the time of each call grows with their number, not with its square.
import { AveragedModel, SWA, ParameterSet, observedOptimizer } from '@polyak/core';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { importAverage } from '@polyak/core/interop';
import { equal, exponential } from '@polyak/core/rules';
import { beforeAll, describe, expect, it } from 'vitest';

const TENSOR: HostTensor = { dtype: 'float32', shape: [1], data: Float32Array.of(1) };
const clone = (tensors: readonly HostTensor[]): readonly HostTensor[] => tensors.map(() => TENSOR);

/** A backend that does next to nothing, so that what core does is what takes time. */
const backend: Backend<HostTensor> = {
  specVersion: 1,
  name: 'idle',
  dtypes: ['float32'],
  isSynchronous: true,
  canCompensate: true,
  spec: ({ dtype, shape }) => ({ dtype, shape }),
  upload: clone,
  download: clone,
  clone,
  allFinite: (tensors) => tensors.map(() => true),
  average: (items) => ({
    kind: 'averaged',
    items: items.map((item) => ({ ...item, isFinite: true, hasMoved: true })),
  }),
  swap: (_, tensors) => clone(tensors),
  dispose: () => {},
};

const memory = {};

function parametersOf(count: number): readonly Parameter<HostTensor>[] {
  return Array.from({ length: count }, (_, n) => ({
    name: `layer${n}.weight`,
    identity: { memory, byteOffset: 4 * n, byteLength: 4 },
    get: () => TENSOR,
    set: () => {},
  }));
}

const averages = { swa: equal(), ema: exponential(0.9999) };

/** The work whose time is compared, each on a model of `count` tensors. */
const WORK: Readonly<Record<string, (count: number) => () => Promise<void>>> = {
  'making a model': (count) => {
    const parameters = parametersOf(count);
    return async () => void new AveragedModel(parameters, { backend, averages });
  },
  'an update from fresh parameters': (count) => {
    const model = new AveragedModel(() => parametersOf(count), { backend, averages });
    return () => model.update();
  },
  'a swap there and back': (count) => {
    const model = new AveragedModel(parametersOf(count), { backend, averages });
    const ready = model.update();
    return async () => {
      await ready;
      await model.withAveraged(() => {});
    };
  },
  'a state, saved and loaded': (count) => {
    const model = new AveragedModel(parametersOf(count), { backend, averages });
    const ready = model.update();
    return async () => {
      await ready;
      await model.loadStateDict(await model.stateDict());
    };
  },
  'an import': (count) => {
    const model = new AveragedModel(parametersOf(count), { backend, averages });
    const names = parametersOf(count).map(({ name }) => name);
    const swaState = Object.fromEntries(names.map((name) => [name, TENSOR]));
    const state = model.stateDict();
    return async () => void importAverage(await state, { nAvg: [3], swaState });
  },
  'weights put in for a while': (count) => {
    const set = new ParameterSet(parametersOf(count), { backend });
    return async () => {
      await set.withWeights(await set.read(), () => {});
    };
  },
  'twenty groups': (count) => {
    const parameters = parametersOf(count);
    const groups = Array.from({ length: 20 }, (_, g) => ({
      params: parameters.filter((__, n) => n % 20 === g),
      lr: 0.1,
    }));
    const swa = new SWA(observedOptimizer(groups), { backend, averages });
    return async () => {
      await swa.updateSwa();
      await swa.loadStateDict(await swa.stateDict());
    };
  },
};

async function median(work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[2] ?? NaN;
}

// Linear work takes 16 times as long, quadratic work 256 times; caches and the collector take their
// part, so that the bound lies between. A pause of the machine is no proof: a ratio may be measured
// anew.
describe('16 times as many tensors', { retry: 2 }, () => {
  beforeAll(async () => {
    for (const make of Object.values(WORK)) await median(make(1000));
  });

  it.each(Object.entries(WORK))('take less than 64 times as long: %s', async (_, make) => {
    const few = await median(make(2500));
    expect((await median(make(40_000))) / few).toBeLessThan(64);
  });

  it('take less than 64 times as long: an import of 80,000', async () => {
    const make = WORK['an import'];
    if (make === undefined) throw new Error('no work');
    const few = await median(make(5000));
    expect((await median(make(80_000))) / few).toBeLessThan(64);
  });
});
