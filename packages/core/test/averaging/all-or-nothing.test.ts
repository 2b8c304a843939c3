// An update, a swap and a load happen whole or not at all, whichever call of the backend fails.
import { parameter } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import type { AveragesState } from '@polyak/core';
import type { Backend, HostTensor } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';
import { describe, expect, it, vi } from 'vitest';
import { plainBackend } from '../../../../tests/support/plain-backend.js';
import { fakeLayer, fakeModel } from '../support/batch-norm.js';
import { faulty, faultyModel, Faults, slow } from '../support/faults.js';

const BEFORE = { mean: Float64Array.of(-1), variance: Float64Array.of(7) };

interface Run {
  readonly faults: Faults;
  readonly weights: Float32Array;
  readonly counter: Int32Array;
  readonly model: AveragedModel<HostTensor>;
  readonly warnings: string[];
  /** The tensors that the backend has made and not freed. */
  readonly live: () => number;
}

const AVERAGES = {
  ema: exponential(0.9),
  half: exponential(0.5),
  exact: exponential(0.9999),
  last: lastK(2),
  swa: equal(),
};

/** A model that shows 5 and a counter, averaged of 1 and 2. */
async function averaged(wrap: (backend: Backend<HostTensor>) => Backend<HostTensor>): Promise<Run> {
  const faults = new Faults();
  const plain = plainBackend();
  const weights = Float32Array.of(1, -1);
  const counter = Int32Array.of(1);
  const warnings: string[] = [];
  const model = new AveragedModel(
    [
      parameter('w', { dtype: 'float32', shape: [2], data: weights }),
      parameter('n', { dtype: 'int32', shape: [1], data: counter }),
    ],
    {
      backend: wrap(faulty<HostTensor>(plain, faults)),
      averages: AVERAGES,
      onWarning: (message) => void warnings.push(message),
    },
  );
  for (const value of [1, 2, 5]) {
    weights.set([value, -value]);
    counter[0] = value;
    if (value < 5) await model.update();
  }
  return { faults, weights, counter, model, warnings, live: () => plain.memory().tensors };
}

/** Runs `action` with a fault at each of its calls, and says what must be as before. */
async function atEachCall(
  wrap: (backend: Backend<HostTensor>) => Backend<HostTensor>,
  action: (run: Run, state: AveragesState) => Promise<void>,
  check: (run: Run, error: unknown) => Promise<void> | void = () => {},
): Promise<number> {
  for (let call = 1; ; call += 1) {
    const run = await averaged(wrap);
    const state = await run.model.stateDict();
    const live = run.live();
    const { length } = run.faults.calls;
    run.faults.failAt(call);
    const error: unknown = await action(run, state).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const failed = run.faults.calls[length + call - 1];
    run.faults.fails = () => false;
    if (failed === undefined) return call - 1;
    const where = `at call ${call}, ${failed}`;
    await check(run, error);
    if (error === undefined) continue;
    const after = { where, state: await run.model.stateDict(), isSwapped: run.model.isSwapped };
    expect(after).toEqual({ where, state, isSwapped: false });
    expect([where, ...run.weights, ...run.counter]).toEqual([where, 5, -5, 5]);
    // A tensor that cannot be freed is lost, and nothing else is.
    const isLost = run.live() - live > (failed === 'dispose' ? 1 : 0);
    await run.model.update();
    expect({ where, isLost, nAvg: run.model.nAvg }).toEqual({ where, isLost: false, nAvg: 3 });
  }
}

const WAYS: readonly [string, (backend: Backend<HostTensor>) => Backend<HostTensor>][] = [
  ['synchronous', (backend) => backend],
  ['asynchronous', slow],
];

describe.each(WAYS)('on a backend that is %s, one fault at any call', (_, wrap) => {
  it('of an update changes nothing', async () => {
    const calls = await atEachCall(wrap, async ({ model }) => model.update());
    expect(calls).toBeGreaterThan(5);
  });

  it('of a swap changes nothing', async () => {
    const calls = await atEachCall(
      wrap,
      async ({ model }) => model.swap({ average: 'half' }),
      async ({ model, weights }) => {
        if (!model.isSwapped) return;
        expect([...weights]).toEqual([1.5, -1.5]);
        await model.swap();
      },
    );
    expect(calls).toBeGreaterThan(0);
  });

  it('of a load changes nothing, and a fault after it is a warning', async () => {
    const calls = await atEachCall(
      wrap,
      async ({ model }, state) => model.loadStateDict(state),
      ({ warnings }, error) => {
        expect(error !== undefined || warnings.join().includes('loadStateDict: done')).toBe(true);
      },
    );
    expect(calls).toBeGreaterThan(5);
  });

  it('of withAveraged leaves the weights and statistics of the live model', async () => {
    const layer = fakeLayer('bn');
    const calls = await atEachCall(
      wrap,
      async ({ model, faults }) => {
        const batchNorm = { model: faultyModel(fakeModel([layer]), faults), loader: [3, 4] };
        await model.withAveraged(() => expect(layer.statistics).not.toEqual(BEFORE), { batchNorm });
      },
      ({ weights }) => {
        expect(layer.statistics).toEqual(BEFORE);
        expect([...weights]).toEqual([5, -5]);
      },
    );
    expect(calls).toBeGreaterThan(6);
  });

  it('of withAveraged keeps the error of the function', async () => {
    const layer = fakeLayer('bn');
    await atEachCall(
      wrap,
      async ({ model, faults }) => {
        const batchNorm = { model: faultyModel(fakeModel([layer]), faults), loader: [3] };
        const fn = (): never => {
          throw new Error('no test data');
        };
        await model.withAveraged(fn, { batchNorm });
      },
      (_run, error) => {
        expect(layer.statistics).toEqual(BEFORE);
        const errors = error instanceof AggregateError ? error.errors : [error];
        expect(errors.map(String).join()).toMatch(/no test data|failed/);
      },
    );
  });
});

describe('two averages', () => {
  it('are 1 and 2 where the second cannot be made once and the update is tried again', async () => {
    const faults = new Faults();
    const data = Float32Array.of(1);
    const model = new AveragedModel([parameter('w', { dtype: 'float32', shape: [1], data })], {
      backend: faulty(plainBackend(), faults),
      averages: { ema: exponential(0.9), half: exponential(0.5) },
    });
    await model.update();
    data[0] = 3;
    faults.failOnce('average');
    await expect(model.update()).rejects.toThrow('average failed');
    data[0] = 1;
    await model.withAveraged(() => expect(data[0]).toBe(1), { average: 'half' });
    data[0] = 3;
    await model.update();
    const { averages } = await model.stateDict();
    expect(averages['ema']?.swaState['w']?.data[0]).toBeCloseTo(1.2, 6);
    expect(averages['half']?.swaState['w']?.data[0]).toBe(2);
    expect([averages['ema']?.nAvg, averages['half']?.nAvg]).toEqual([[2], [2]]);
  });
});

describe('statistics that cannot be put back once', () => {
  it('stay with the averages, for the next call to put back', async () => {
    const { model, weights, faults } = await averaged((backend) => backend);
    const layer = fakeLayer('bn');
    const broken = faultyModel(fakeModel([layer]), faults);
    const batchNorm = { model: broken, loader: [3] };
    faults.fails = (call) => call === 'write' && layer.statistics.mean[0] !== -1;
    const two = { model: { ...broken, layers: [...broken.layers, ...broken.layers] }, loader: [3] };
    await expect(model.withAveraged(() => 0, { batchNorm: two })).rejects.toThrow(AggregateError);
    expect(model.isSwapped).toBe(true);
    faults.fails = () => false;
    await model.swap();
    expect(layer.statistics).toEqual(BEFORE);
    expect([...weights]).toEqual([5, -5]);
    await model.withAveraged(() => 0, { batchNorm });
    expect(layer.statistics).toEqual(BEFORE);
  });
});

describe('a user function that fails', () => {
  const unhandled = vi.fn<(reason: unknown) => void>();

  async function updated(
    options: Partial<Record<'onUpdate' | 'onWarning', (given: unknown) => unknown>>,
  ): Promise<number> {
    const data = Float32Array.of(1);
    const model = new AveragedModel([parameter('w', { dtype: 'float32', shape: [1], data })], {
      backend: plainBackend(),
      ...(options as { onWarning?: (message: string) => void }),
    });
    process.on('unhandledRejection', unhandled);
    await model.update();
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    return model.nAvg;
  }

  it('as onUpdate, by a throw or a rejection, is a warning after the update', async () => {
    for (const onUpdate of [
      () => Promise.reject(new Error('disk full')),
      () => {
        throw new Error('disk full');
      },
    ]) {
      const onWarning = vi.fn<(message: unknown) => void>();
      expect(await updated({ onUpdate, onWarning })).toBe(1);
      expect(onWarning.mock.calls).toEqual([[expect.stringContaining('disk full')]]);
    }
  });

  it('as onWarning, by a throw or a rejection, does not reject the update', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    for (const onWarning of [
      () => Promise.reject(new Error('no log')),
      () => {
        throw new Error('no log');
      },
    ]) {
      const onUpdate = (): never => {
        throw new Error('disk full');
      };
      expect(await updated({ onUpdate, onWarning })).toBe(1);
    }
    expect(warn.mock.calls.flat().filter((text) => String(text).includes('no log'))).toHaveLength(
      2,
    );
    warn.mockRestore();
  });
});

describe('what was checked is what is averaged', () => {
  it('where the weights change after the call, on a synchronous backend', async () => {
    const data = Float32Array.of(1);
    const model = new AveragedModel([parameter('w', { dtype: 'float32', shape: [1], data })], {
      backend: plainBackend(),
    });
    await model.update();
    data[0] = 3;
    const update = model.update();
    data[0] = NaN;
    await update;
    expect((await model.stateDict()).averages['swa']?.swaState['w']?.data[0]).toBe(2);
  });
});
