// Calls that a signal ends, at each place where they look at it.
import { cpuBackend } from '@polyak/backend-cpu';
import { chooseStart, greedySoup, Snapshots, SWAG } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { canonical } from '../../../tests/support/arbitrary-tensor.js';
import { read, weights } from '../../../tests/support/sgd.js';

const backend = cpuBackend();
const memberOf = (value: number) => ({
  w: { dtype: 'float32', shape: [1], data: Float32Array.of(value) } as const,
});
const members = [memberOf(1), memberOf(5), memberOf(3)];

interface Signal {
  throwIfAborted(): void;
}

/** Aborts a call when it looks at its signal for the first time, the second, and so on. */
async function abortEverywhere(
  call: (signal: Signal) => Promise<unknown>,
  state: () => unknown = () => 'nothing',
): Promise<number> {
  const before = await state();
  for (let nth = 1; ; nth += 1) {
    const controller = new AbortController();
    const reason = new Error(`at ${nth}`);
    let looks = 0;
    const signal = {
      throwIfAborted() {
        looks += 1;
        if (looks === nth) controller.abort(reason);
        controller.signal.throwIfAborted();
      },
    };
    const error: unknown = await call(signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const isOver = looks < nth;
    expect(error).toBe(isOver ? undefined : reason);
    if (isOver) return looks;
    expect(await state()).toEqual(before);
  }
}

describe('a signal', () => {
  it('ends a soup before and after each evaluation', async () => {
    let evaluations = 0;
    const score = ({ w }: { readonly [name: string]: { readonly data: ArrayLike<unknown> } }) => {
      evaluations += 1;
      return -Math.abs(Number(w?.data[0]) - 4);
    };
    expect(await abortEverywhere((signal) => greedySoup(members, score, { signal }))).toBe(10);
    expect(evaluations).toBe(0 + 2 * (1 + 2 + 3 + 4 + 5));
    expect(await abortEverywhere((signal) => chooseStart(members, score, { signal }))).toBe(6);
  });

  it('ends a model average, which has drawn no random numbers then', async () => {
    const weight = weights('w', [2]);
    const swag = new SWAG([weight], { backend, rank: 2 });
    for (let model = 0; model < 3; model += 1) await swag.collect();
    const state = async () => [read(weight), canonical(await swag.stateDict())];
    const predict = (): number[] => read(weight);
    const looks = await abortEverywhere(
      (signal) => swag.bayesianModelAverage(3, predict, { signal }),
      state,
    );
    expect(looks).toBe(4);
  });

  it('ends the predictions of snapshots, and the model holds its own weights then', async () => {
    const weight = weights('w', [2]);
    const snapshots = new Snapshots([weight], { backend, store: 'host' });
    for (let member = 0; member < 3; member += 1) await snapshots.take();
    const looks = await abortEverywhere(
      (signal) => snapshots.withEach(() => 1, { signal }),
      () => read(weight),
    );
    expect(looks).toBe(4);
  });

  it('ends a model average of 2^32 samples by a timer, though all is synchronous', async () => {
    const swag = new SWAG([weights('w', [2])], { backend });
    await swag.collect();
    let samples = 0;
    const predict = (): number[] => [(samples += 1)];
    const signal = AbortSignal.timeout(100);
    const average = swag.bayesianModelAverage(2 ** 32, predict, { signal });
    await expect(average).rejects.toThrow(expect.objectContaining({ name: 'TimeoutError' }));
    expect(samples).toBeGreaterThan(0);
    expect(await swag.bayesianModelAverage(2, () => [1])).toEqual(Float64Array.of(1));
  });

  it('ends soups and predictions by a timer, though all is synchronous', async () => {
    const snapshots = new Snapshots([weights('w', [2])], { backend, store: 'host' });
    for (let member = 0; member < 3; member += 1) await snapshots.take();
    let evaluations = 0;
    const evaluate = (): number => {
      for (const end = Date.now() + 60; Date.now() < end;);
      return (evaluations += 1);
    };
    const calls: readonly ((options: { readonly signal: Signal }) => Promise<unknown>)[] = [
      (options) => greedySoup(members, evaluate, options),
      (options) => chooseStart(members, evaluate, options),
      (options) => snapshots.withEach(evaluate, options),
    ];
    for (const call of calls) {
      evaluations = 0;
      await expect(call({ signal: AbortSignal.timeout(1) })).rejects.toThrow(
        expect.objectContaining({ name: 'TimeoutError' }),
      );
      expect(evaluations).toBe(1);
    }
  });

  it('that is none is refused', async () => {
    const signal = {} as Signal;
    await expect(greedySoup(members, () => 1, { signal })).rejects.toThrow(
      'the signal is an object whose throwIfAborted is',
    );
  });
});
