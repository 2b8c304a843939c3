// Several averages of one run: fed from one pass over the live weights, each with its own rule,
// counters and tensors.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { Faults, faulty } from '../support/faults.js';
import { fill, read, sgd, weights, withAverage } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

interface Run {
  readonly cell: Parameter<HostTensor>;
  readonly swa: SWA<HostTensor>;
}

function start(
  averages: Readonly<Record<string, AveragingRule>>,
  options: { readonly backend?: Backend<HostTensor> } = {},
): Run {
  const cell = weights('w', [1]);
  return {
    cell,
    swa: new SWA(sgd([{ params: [cell], lr: 0.1 }]), { backend, averages, ...options }),
  };
}

async function visit({ cell, swa }: Run, ...values: readonly number[]): Promise<void> {
  for (const value of values) {
    fill(cell, value);
    await swa.updateSwa();
  }
}

describe('averages by name', () => {
  it('follow their own rules, and each is put into the model by its name', async () => {
    const run = start({ swa: equal(), ema: exponential(0.5), last: lastK(2) });
    await visit(run, 1, 2, 6);
    const { cell, swa } = run;
    const shown: number[] = [];
    for (const options of [{ average: 'swa' }, { average: 'ema' }, { average: 'last' }, {}]) {
      await swa.withAveraged(() => shown.push(...read(cell)), options);
    }
    expect(shown).toEqual([3, 3.75, 4, 3]);
    expect(read(cell)).toEqual([6]);
  });

  it('are swapped back by the same call, with the name or without', async () => {
    const run = start({ swa: equal(), ema: exponential(0.5) });
    await visit(run, 1, 5);
    for (const options of [{ average: 'ema' }, {}]) {
      await run.swa.swapSwaSgd({ average: 'ema' });
      expect(read(run.cell)).toEqual([3]);
      await run.swa.swapSwaSgd(options);
      expect(read(run.cell)).toEqual([5]);
    }
  });

  it('are not swapped for one another', async () => {
    const run = start({ swa: equal(), ema: exponential(0.9) });
    await visit(run, 1, 5);
    await run.swa.swapSwaSgd({ average: 'ema' });
    await expect(run.swa.swapSwaSgd({ average: 'swa' })).rejects.toMatchObject({
      code: 'ERR_SWAPPED',
    });
    await run.swa.swapSwaSgd();
    expect(read(run.cell)).toEqual([5]);
  });

  it('are refused under a name that there is not', async () => {
    const run = start({ swa: equal(), ema: exponential(0.9) });
    await visit(run, 1);
    await expect(run.swa.swapSwaSgd({ average: 'emma' })).rejects.toThrow(
      'there is no average "emma", only "swa", "ema".',
    );
    await expect(run.swa.withAveraged(() => {}, { average: 'emma' })).rejects.toThrow(RangeError);
    expect(run.swa.isSwapped).toBe(false);
  });

  it('are all moved by one call of the backend', async () => {
    const faults = new Faults();
    const run = start(
      { swa: equal(), ema: exponential(0.9) },
      { backend: faulty<HostTensor>(backend, faults) },
    );
    await visit(run, 1, 2, 3);
    expect(faults.calls.filter((call) => call === 'average')).toHaveLength(2);
  });

  it('leave all of them as they were where the weights are not finite', async () => {
    const run = start({ swa: equal(), last: lastK(2) });
    await visit(run, 1, 2);
    const before = await run.swa.stateDict();
    fill(run.cell, NaN);
    await expect(run.swa.updateSwa()).rejects.toMatchObject({ code: 'ERR_NON_FINITE' });
    expect(await run.swa.stateDict()).toEqual(before);
  });

  it('are saved by name; a state with others is refused with every difference', async () => {
    const run = start({ swa: equal(), ema: exponential(0.9) });
    await visit(run, 1, 2);
    const state = await run.swa.stateDict();
    expect(Object.keys(state.averages)).toEqual(['swa', 'ema']);
    const other = start({ swa: lastK(2), late: equal() });
    await expect(other.swa.loadStateDict(state)).rejects.toThrow(
      /without a rule: "ema".*of "swa" is "equal", expected "lastK\(2\)".*lacks the average "late"/,
    );
  });

  it.each<[string, unknown, string]>([
    [
      'a name of digits, which objects list first',
      { swa: equal(), 5: equal() },
      'an average is named "5"',
    ],
    ['a name of several digits', { swa: equal(), 10: equal() }, 'an average is named "10"'],
    ['a number for a rule', { ema: 0.999 }, 'the rule of the average "ema" is 0.999'],
    [
      'a rule without a weight',
      { ema: { kind: 'moving', name: 'x' } },
      'whose weight is undefined',
    ],
    ['a window of none', { last: { kind: 'window', name: 'x', window: 0 } }, 'the window 0'],
    ['half a window', { last: { kind: 'window', name: 'x', window: 2.5 } }, 'the window 2.5'],
    [
      'a window that is no number',
      { last: { kind: 'window', name: 'x', window: undefined } },
      'the window undefined',
    ],
  ])('refuse %s', (_, averages, message) => {
    expect(() => start(averages as Record<string, AveragingRule>)).toThrow(message);
  });

  it('find a way back where the live weights could not be put back', async () => {
    let isBroken = false;
    const failing: Backend<HostTensor> = {
      ...backend,
      swap(parameters, tensors) {
        if (isBroken) throw new Error('device hiccup');
        return backend.swap(parameters, tensors);
      },
    };
    const run = start({ swa: equal() }, { backend: failing });
    await visit(run, 1, 5);
    await expect(run.swa.withAveraged(() => void (isBroken = true))).rejects.toThrow(
      'device hiccup',
    );
    await expect(run.swa.updateSwa()).rejects.toThrow('device hiccup');
    isBroken = false;
    await run.swa.swapSwaSgd();
    expect(read(run.cell)).toEqual([5]);
    await visit(run, 9);
    await run.swa.withAveraged(() => expect(read(run.cell)).toEqual([5]));
  });

  it('must be named, and stand in place of rule', () => {
    expect(() => start({})).toThrow('averages is empty');
    const options = { backend, rule: equal(), averages: { ema: exponential(0.9) } };
    expect(() => new SWA(sgd([]), options as never)).toThrow('both rule and averages');
  });
});

describe('the mean of the last k', () => {
  it('is the mean of all while there are fewer, and then of the last', async () => {
    const run = start({ last: lastK(3) });
    const means: number[] = [];
    for (const value of [3, 6, 9, 12, 30]) {
      await visit(run, value);
      await run.swa.withAveraged(() => means.push(...read(run.cell)));
    }
    expect(means).toEqual([3, 4.5, 6, 9, 17]);
  });

  it('does not drift: after 100,000 updates it is what it is after three', async () => {
    const [long, short] = [start({ last: lastK(3) }), start({ last: lastK(3) })];
    for (let n = 0; n < 100_000; n += 1) await visit(long, Math.sin(n) * 1e4);
    for (const run of [long, short]) await visit(run, 0.1, 0.2, 0.7);
    const states = await Promise.all([long, short].map(async ({ swa }) => swa.stateDict()));
    expect(states[0]?.averages['last']?.swaState).toEqual(states[1]?.averages['last']?.swaState);
  });

  it('refuses a state with another number of values, before it makes anything of it', async () => {
    const rule = (window: number): AveragingRule => ({ kind: 'window', name: 'mine', window });
    const three = start({ last: rule(3) });
    await visit(three, 1, 2, 30);
    const state = await three.swa.stateDict();
    const two = start({ last: rule(2) });
    await expect(two.swa.loadStateDict(state)).rejects.toThrow(
      'the window of "last" is a list of 3, expected a list of 2',
    );
    const huge = start({ last: rule(1e9) });
    const lying = withAverage(state, 'last', { nAvg: [1e10] });
    await expect(huge.swa.loadStateDict(lying)).rejects.toThrow(
      'is a list of 3, expected a list of 1000000000',
    );
  });

  it('copies integers, and keeps the memory of k + 1 models', async () => {
    const before = backend.memory();
    const steps = parameter('steps', { dtype: 'int32', shape: [1], data: Int32Array.of(0) });
    const cell = weights('w', [4]);
    const swa = new SWA(sgd([{ params: [cell, steps], lr: 0.1 }]), { backend, rule: lastK(3) });
    for (let n = 1; n <= 7; n += 1) {
      steps.get().data[0] = n;
      await swa.updateSwa();
    }
    await swa.swapSwaSgd();
    expect([...steps.get().data]).toEqual([7]);
    await swa.swapSwaSgd();
    expect(backend.memory().tensors - before.tensors).toBe(2 * (3 + 1));
    await swa.dispose();
    expect(backend.memory()).toEqual(before);
  });

  it('is as it was, and nothing is lost, where the device fails', async () => {
    const before = backend.memory();
    let isBroken = false;
    const failing: Backend<HostTensor> = {
      ...backend,
      average(items, options) {
        if (isBroken) throw new Error('device lost');
        return backend.average(items, options);
      },
    };
    const run = start({ last: lastK(2) }, { backend: failing });
    await visit(run, 1, 2);
    const [state, memory] = [await run.swa.stateDict(), backend.memory()];
    isBroken = true;
    await expect(visit(run, 9)).rejects.toThrow('device lost');
    expect(await run.swa.stateDict()).toEqual(state);
    expect(backend.memory()).toEqual(memory);
    isBroken = false;
    await visit(run, 4);
    await run.swa.withAveraged(() => expect(read(run.cell)).toEqual([3]));
    await run.swa.dispose();
    expect(backend.memory()).toEqual(before);
  });
});
