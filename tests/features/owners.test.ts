// One owner at a time for the weights of a model, on every backend: while anyone has other weights
// in it, everyone else is refused and told who that is.
import { AveragedModel, observedOptimizer, ParameterSet, SWA } from '@polyak/core';
import type { NamedTensors, PolyakError } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import type { Parameter } from '@polyak/core/interfaces';
import { Snapshots, SWAG } from '@polyak/ensemble';
import { expect } from 'vitest';
import { canonical } from '../support/arbitrary-tensor.js';
import { liveModel } from './live-model.js';
import type { LiveModel } from './live-model.js';
import { onEveryBackend } from './on-every-backend.js';
import type { Checks } from './on-every-backend.js';

/** One of everything that reads or changes the weights, each over parameters of its own. */
interface Users<T> {
  readonly swa: SWA<T>;
  /** Averages by itself, at each step. */
  readonly automatic: SWA<T>;
  readonly ema: AveragedModel<T>;
  readonly set: ParameterSet<T>;
  readonly swag: SWAG<T>;
  readonly device: Snapshots<T>;
  readonly host: Snapshots<T>;
}

/** Values that differ from place to place and from `step` to `step`. */
function weightsOf(step: number): NamedTensors {
  const values = (length: number, from: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => from + i + step / 8);
  return {
    kernel: { dtype: 'float32', shape: [3, 2], data: values(6, 1) },
    bias: { dtype: 'float32', shape: [2], data: values(2, -9) },
  };
}

/** Another object for the same place, as frameworks make them at each request. */
function rewrapped<T>(parameters: readonly Parameter<T>[]): readonly Parameter<T>[] {
  return parameters.map((cell) => ({
    name: cell.name,
    identity: cell.identity,
    get: () => cell.get(),
    set: (tensor) => cell.set(tensor),
  }));
}

/** Users that have averaged, collected or taken the weights of `step`. */
async function users<T>(model: LiveModel<T>, step: number): Promise<Users<T>> {
  const { backend } = model;
  const own = (): readonly Parameter<T>[] => rewrapped(model.parameters);
  const optimizer = (): ReturnType<typeof observedOptimizer<T>> =>
    observedOptimizer([{ params: own(), lr: 0.1 }]);
  const made: Users<T> = {
    swa: new SWA(optimizer(), { backend }),
    automatic: new SWA(optimizer(), { backend, swaStart: 0, swaFreq: 1 }),
    ema: new AveragedModel(own(), { backend }),
    set: new ParameterSet(own(), { backend }),
    swag: new SWAG(own(), { backend, rank: 2 }),
    device: new Snapshots(own(), { backend, store: 'device' }),
    host: new Snapshots(own(), { backend, store: 'host' }),
  };
  await model.put(weightsOf(step));
  await made.swa.updateSwa();
  await made.automatic.step();
  await made.ema.update();
  await made.swag.collect();
  await made.device.take();
  await made.host.take();
  return made;
}

/** Runs `fn` while a user has other weights in the model. */
type Hold = (fn: () => Promise<void>) => Promise<unknown>;

/** Every way to put other weights into the model for a while, by what messages call it. */
function holdsOf<T>({ swa, ema, set, swag, device, host }: Users<T>): readonly [string, Hold][] {
  const between =
    (swap: () => Promise<unknown>): Hold =>
    async (fn) => {
      await swap();
      await fn();
      await swap();
    };
  const weights = weightsOf(40);
  return [
    ['SWA.swapSwaSgd', between(async () => swa.swapSwaSgd())],
    ['SWA.withAveraged', async (fn) => swa.withAveraged(fn)],
    ['AveragedModel.swap', between(async () => ema.swap())],
    ['AveragedModel.withAveraged', async (fn) => ema.withAveraged(fn)],
    ['ParameterSet.withWeights', async (fn) => set.withWeights(weights, fn)],
    [
      'ParameterSet.withCopy',
      async (fn) => {
        const tensors = await set.backend.upload(Object.values(weights));
        await set.withCopy(tensors, fn);
        await set.backend.dispose(tensors);
      },
    ],
    ['SWAG.withSample', async (fn) => swag.withSample(fn)],
    [
      'SWAG.bayesianModelAverage',
      async (fn) => swag.bayesianModelAverage(1, async () => fn().then(() => [1])),
    ],
    ['Snapshots.withMember', async (fn) => device.withMember(0, fn)],
    ['Snapshots.withEach', async (fn) => device.withEach(fn)],
    ['Snapshots.withMember', async (fn) => host.withMember(0, fn)],
  ];
}

/** Every call that needs the live weights, or the place of them. */
function callsOf<T>(made: Users<T>): readonly (() => Promise<unknown>)[] {
  const { swa, automatic, ema, set, swag, device, host } = made;
  const weights = weightsOf(50);
  const nothing = (): void => {
    throw new Error('ran while another had its weights in the model');
  };
  return [
    () => swa.step(),
    () => swa.updateSwa(),
    () => swa.swapSwaSgd(),
    () => swa.withAveraged(nothing),
    async () => swa.loadStateDict(await swa.stateDict()),
    () => automatic.step(),
    () => ema.update(),
    () => ema.swap(),
    () => ema.withAveraged(nothing),
    async () => ema.loadStateDict(await ema.stateDict()),
    () => set.read(),
    () => set.copy(),
    () => set.write(weights),
    () => set.withWeights(weights, nothing),
    () => set.recall(),
    () => swag.collect(),
    () => swag.withSample(nothing),
    () => swag.bayesianModelAverage(2, () => [1, 2]),
    () => device.take(),
    () => device.withMember(0, nothing),
    () => device.withEach(nothing),
    () => host.take(),
    () => host.withMember(0, nothing),
    () => host.withEach(nothing),
  ];
}

async function refusalOf(call: () => Promise<unknown>): Promise<PolyakError> {
  try {
    await call();
  } catch (error) {
    return error as PolyakError;
  }
  throw new Error(`${String(call)} was not refused`);
}

/** What the users have kept. */
async function stateOf<T>({ swa, automatic, ema, swag, device, host }: Users<T>): Promise<string> {
  const states = [swa, automatic, ema, swag].map(async (each) => each.stateDict());
  const members = [device, host].map(async (each) => each.mean());
  const counts = [device.length, host.length];
  return canonical([...(await Promise.all(states)), ...(await Promise.all(members)), ...counts]);
}

/** A model of two tensors. */
function twoTensors<T>(harness: BackendHarness<T>): Promise<LiveModel<T>> {
  return liveModel(harness, weightsOf(0));
}

const CHECKS: Checks = {
  async 'while one has other weights in the model, all others are refused and told who'(harness) {
    const model = await twoTensors(harness);
    const [first, second] = [await users(model, 1), await users(model, 2)];
    await model.put(weightsOf(3));
    for (const [holders, others] of [[first, second] as const, [second, first] as const]) {
      const before = await stateOf(others);
      for (const [holder, hold] of holdsOf(holders)) {
        await hold(async () => {
          const lent = await model.held();
          expect(canonical(lent)).not.toBe(canonical(weightsOf(3)));
          for (const call of callsOf(others)) {
            const { code, message } = await refusalOf(call);
            const named = message.includes(`the weights that ${holder} has put into it`);
            expect([String(call), code, named]).toEqual([String(call), 'ERR_SWAPPED', true]);
          }
          expect(await model.held()).toEqual(lent);
        });
        expect(await model.held()).toEqual(weightsOf(3));
      }
      expect(await stateOf(others)).toBe(before);
    }
  },

  async 'inside a function that is given other weights, its own objects are refused too'(harness) {
    const model = await twoTensors(harness);
    const own = await users(model, 1);
    await model.put(weightsOf(3));
    for (const [, hold] of holdsOf(own).filter(([name]) => !name.includes('swap'))) {
      await hold(async () => {
        const lent = await model.held();
        for (const call of callsOf(own)) {
          const { code } = await refusalOf(call);
          // SWAG and Snapshots take one call at a time.
          const isRefused = code === 'ERR_SWAPPED' || code === 'ERR_BUSY';
          expect([String(call), isRefused]).toEqual([String(call), true]);
        }
        expect(await model.held()).toEqual(lent);
      });
      expect(await model.held()).toEqual(weightsOf(3));
    }
    const { ema, swag, device, host } = own;
    expect([ema.nAvg, swag.nModels, device.length, host.length]).toEqual([1, 1, 1, 1]);
  },

  async 'of two that begin at the same time, one at most has its weights in the model'(harness) {
    const model = await twoTensors(harness);
    const [first, second] = [await users(model, 1), await users(model, 2)];
    await model.put(weightsOf(3));
    for (const [, one] of holdsOf(first)) {
      for (const [, other] of holdsOf(second)) {
        let inside = 0;
        const fn = async (): Promise<void> => {
          inside += 1;
          expect(inside).toBe(1);
          await new Promise(setImmediate);
          inside -= 1;
        };
        const results = await Promise.allSettled([one(fn), other(fn)]);
        const codes = results.map((each) =>
          each.status === 'fulfilled' ? 'done' : (each.reason as PolyakError).code,
        );
        expect(codes).toContain('done');
        expect(['done', 'ERR_SWAPPED', 'ERR_BUSY']).toEqual(expect.arrayContaining(codes));
        expect(await model.held()).toEqual(weightsOf(3));
      }
    }
  },

  async 'whoever collects while others put weights in or take them out has live weights'(harness) {
    const model = await twoTensors(harness);
    const [holders, collectors] = [await users(model, 1), await users(model, 3)];
    const { ema, swag, device, host } = collectors;
    for (const [, hold] of holdsOf(holders)) {
      const held = (): Promise<unknown> => hold(() => new Promise(setImmediate));
      const collect = async (): Promise<unknown> =>
        Promise.allSettled([ema.update(), swag.collect(), device.take(), host.take()]);
      // One of each two is refused, where they overlap.
      await Promise.allSettled([held(), collect()]);
      await Promise.allSettled([collect(), held()]);
    }
    const live = canonical(weightsOf(3));
    expect(canonical(await swag.sample({ scale: 0 }))).toBe(live);
    expect(canonical(await device.mean())).toBe(live);
    expect(canonical(await host.mean())).toBe(live);
    expect(canonical(await ema.withAveraged(model.held))).toBe(live);
    expect(canonical(await model.held())).toBe(live);
  },

  async 'averages that were left in the model are taken out by whoever comes next'(harness) {
    const model = await twoTensors(harness);
    const [first, second] = [await users(model, 1), await users(model, 2)];
    await model.put(weightsOf(3));
    const { set, swag, device, host } = second;
    const live = canonical(weightsOf(3));
    const sees = async (): Promise<void> => {
      expect(canonical(await model.held())).not.toBe(live);
    };
    for (const call of [
      async () => expect(canonical(await set.read())).toBe(live),
      async () => set.withWeights(weightsOf(4), sees),
      async () => swag.collect(),
      async () => swag.withSample(sees),
      async () => device.take(),
      async () => device.withMember(0, sees),
      async () => host.take(),
      async () => host.withMember(0, sees),
    ]) {
      await first.ema.swap({ recallable: true });
      await sees();
      await call();
      expect(first.ema.isSwapped).toBe(false);
      expect(canonical(await model.held())).toBe(live);
    }
    expect(canonical(await device.weights(1))).toBe(live);
    expect(canonical(await host.weights(1))).toBe(live);
    const { mean } = await swag.stateDict();
    expect(mean['bias']?.data[0]).toBe(-9 + 2.5 / 8);
    await first.ema.swap({ recallable: true });
    await set.write(weightsOf(5));
    expect(first.ema.isSwapped).toBe(false);
    expect(await model.held()).toEqual(weightsOf(5));
  },
};

onEveryBackend(CHECKS);
