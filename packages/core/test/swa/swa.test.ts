// Mirrors torchcontrib's own tests of SWA: automatic, manual, by group, group added during the run, rate, raises.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { observedOptimizer, SWA } from '@polyak/core';
import type { SWAOptions } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { equal, exponential } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { fill, read, sgd, weights, gaussian } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function swaOf(
  groups: readonly (readonly Parameter<HostTensor>[])[],
  options: Partial<SWAOptions<HostTensor>> = {},
): SWA<HostTensor> {
  return new SWA(sgd(groups.map((params) => ({ params, lr: 0.1 }))), { backend, ...options });
}

/** The mean of rows, element by element, in float64. */
function mean(rows: readonly number[][]): number[] {
  return (rows[0] ?? []).map(
    (_, index) => rows.reduce((sum, row) => sum + (row[index] ?? NaN), 0) / rows.length,
  );
}

function expectClose(
  found: readonly number[],
  expected: readonly number[],
  tolerance = 1e-6,
): void {
  expect(found).toHaveLength(expected.length);
  expected.forEach((value, index) => {
    expect(Math.abs((found[index] ?? NaN) - value)).toBeLessThanOrEqual(tolerance);
  });
}

describe('automatic mode', () => {
  it('averages after the steps greater than swaStart that are multiples of swaFreq', async () => {
    const cells = [weights('a', [10, 5]), weights('b', [10], 2)];
    const swa = swaOf([cells], { swaStart: 5, swaFreq: 2 });
    const visited: number[][][] = [];
    for (let step = 1; step <= 12; step += 1) {
      await swa.step();
      if (step > 5 && step % 2 === 0) visited.push(cells.map(read));
    }
    expect(swa.paramGroups[0]).toMatchObject({ nAvg: 4, stepCounter: 12 });
    await swa.swapSwaSgd();
    cells.forEach((cell, n) => expectClose(read(cell), mean(visited.map((each) => each[n] ?? []))));
  });

  it('switches the learning rate a step before the first average, before base steps', async () => {
    const optimizer = sgd([{ params: [weights('w', [2])], lr: 0.1 }]);
    const swa = new SWA(optimizer, { backend, swaStart: 5, swaFreq: 2, swaLr: 0.05 });
    for (let step = 0; step < 8; step += 1) await swa.step();
    expect(optimizer.rates).toEqual([0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05]);
    expect(swa.paramGroups[0]?.lr).toBe(0.05);
  });

  it('sets the rate at every step, so that a schedule outside is overridden', async () => {
    const optimizer = sgd([{ params: [weights('w', [2])], lr: 0.1 }]);
    const swa = new SWA(optimizer, { backend, swaStart: 2, swaFreq: 1, swaLr: 0.05 });
    for (let step = 0; step < 5; step += 1) {
      for (const group of swa.paramGroups) group.lr = 0.3;
      await swa.step();
    }
    expect(optimizer.rates).toEqual([0.3, 0.3, 0.05, 0.05, 0.05]);
  });

  it('returns the loss that the closure gave', async () => {
    const swa = swaOf([[weights('w', [2])]], { swaStart: 0, swaFreq: 1 });
    expect(await swa.step(async () => 42)).toBe(42);
    expect(await swa.step()).toBeUndefined();
  });

  it('lets a group added during the run wait for swaStart steps of its own', async () => {
    const [first, second] = [weights('a', [4]), weights('b', [3], 2)];
    const swa = swaOf([[first]], { swaStart: 3, swaFreq: 1 });
    for (let step = 0; step < 5; step += 1) await swa.step();
    await swa.addParamGroup({ params: [second], lr: 0.2 });
    const visited: number[][] = [];
    for (let step = 1; step <= 5; step += 1) {
      await swa.step();
      if (step > 3) visited.push(read(second));
    }
    expect(swa.paramGroups.map(({ nAvg, stepCounter }) => [nAvg, stepCounter])).toEqual([
      [7, 10],
      [2, 5],
    ]);
    await swa.swapSwaSgd();
    expectClose(read(second), mean(visited));
  });
});

describe('manual mode', () => {
  it('averages when told to, and only then', async () => {
    const cells = [weights('a', [7]), weights('b', [], 2)];
    const swa = swaOf([cells]);
    const visited: number[][][] = [];
    for (let step = 1; step <= 9; step += 1) {
      await swa.step();
      if (step % 3 === 0) {
        await swa.updateSwa();
        visited.push(cells.map(read));
      }
    }
    expect(swa.paramGroups[0]).toMatchObject({ nAvg: 3, stepCounter: 9 });
    await swa.swapSwaSgd();
    cells.forEach((cell, n) => expectClose(read(cell), mean(visited.map((each) => each[n] ?? []))));
  });

  it('averages one group; a swap warns of the other by name and leaves it alone', async () => {
    const [a, b] = [weights('a', [3]), weights('b', [3], 2)];
    const onWarning = vi.fn<(message: string) => void>();
    const swa = swaOf([[a], [b]], { onWarning });
    const [group] = swa.paramGroups;
    if (group === undefined) throw new Error('no group');
    await swa.step();
    await swa.updateSwaGroup(group);
    const [averaged, untouched] = [read(a), read(b)];
    fill(a, 5);
    expect(swa.paramGroups.map(({ nAvg }) => nAvg)).toEqual([1, 0]);
    await swa.swapSwaSgd();
    expect(read(a)).toEqual(averaged);
    expect(read(b)).toEqual(untouched);
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining('"b" never averaged')]]);
    await swa.swapSwaSgd();
    expect(read(a)).toEqual([5, 5, 5]);
    expect(onWarning).toHaveBeenCalledTimes(1);
  });

  it('refuses a group of another SWA', async () => {
    const [one, other] = [swaOf([[weights('w', [2])]]), swaOf([[weights('w', [2])]])];
    const [group] = other.paramGroups;
    if (group === undefined) throw new Error('no group');
    await expect(one.updateSwaGroup(group)).rejects.toThrow(TypeError);
  });
});

describe('the average', () => {
  it('is the mean of whatever weights were averaged', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 30 }),
        async (values) => {
          const cell = weights('w', [3]);
          const swa = swaOf([[cell]]);
          for (const value of values) {
            fill(cell, value);
            await swa.updateSwa();
          }
          await swa.swapSwaSgd();
          const expected = values.reduce((sum, value) => sum + value, 0) / values.length;
          const scale = Math.max(...values.map(Math.abs), 1e-30);
          expectClose(read(cell), [expected, expected, expected], scale * 1e-6);
        },
      ),
    );
  });

  it('copies the first weights, whatever the rule', async () => {
    const cell = weights('w', [5]);
    const swa = swaOf([[cell]], { rule: exponential(0.999) });
    const first = read(cell);
    await swa.updateSwa();
    fill(cell, 0);
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual(first);
  });

  it('follows an exponential rule', async () => {
    const cell = weights('w', [1]);
    const swa = swaOf([[cell]], { rule: exponential(0.75) });
    for (const value of [4, 8, 16]) {
      fill(cell, value);
      await swa.updateSwa();
    }
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([0.75 * (0.75 * 4 + 0.25 * 8) + 0.25 * 16]);
  });

  it('follows a rule of the user, given the number of updates so far', async () => {
    const seen: number[] = [];
    const rule: AveragingRule = {
      kind: 'moving',
      name: 'latest',
      weight(nAvg) {
        seen.push(nAvg);
        return 1;
      },
    };
    const cell = weights('w', [1]);
    const swa = swaOf([[cell]], { rule });
    for (const value of [1, 2, 3]) {
      fill(cell, value);
      await swa.updateSwa();
    }
    expect(seen).toEqual([1, 2]);
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([3]);
  });

  it('refuses a weight outside [0, 1] and keeps the average', async () => {
    const cell = weights('w', [2]);
    const swa = swaOf([[cell]], { rule: { kind: 'moving', name: 'wild', weight: () => 1.5 } });
    fill(cell, 1);
    await swa.updateSwa();
    fill(cell, 2);
    await expect(swa.updateSwa()).rejects.toThrow(/"wild" gave the weight 1.5/);
    expect(swa.paramGroups[0]?.nAvg).toBe(1);
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([1, 1]);
  });

  it('copies integers instead of averaging them', async () => {
    const steps = parameter('steps', { dtype: 'int32', shape: [2], data: Int32Array.of(0, 0) });
    const cell = weights('w', [1]);
    const swa = swaOf([[steps, cell]]);
    for (const value of [1, 2, 7]) {
      (steps.get().data as Int32Array).set([value, -value]);
      fill(cell, value);
      await swa.updateSwa();
    }
    (steps.get().data as Int32Array).set([100, 100]);
    await swa.swapSwaSgd();
    expect(read(steps)).toEqual([7, -7]);
    expectClose(read(cell), [10 / 3]);
    await swa.swapSwaSgd();
    expect(read(steps)).toEqual([100, 100]);
  });

  it('averages tied parameters once, within a group and across groups', async () => {
    const tensor: HostTensor = { dtype: 'float32', shape: [1], data: Float32Array.of(1) };
    const [embedding, output] = [parameter('embedding', tensor), parameter('output', tensor)];
    const swa = swaOf([
      [embedding, output],
      [parameter('again', tensor), weights('w', [1])],
    ]);
    await swa.updateSwa();
    fill(embedding, 4);
    await swa.updateSwa();
    fill(embedding, 9);
    const { averages } = await swa.stateDict();
    expect(Object.keys(averages['swa']?.swaState ?? {})).toEqual(['embedding', 'w']);
    await swa.swapSwaSgd();
    expect([read(embedding), read(output)]).toEqual([[2.5], [2.5]]);
    await swa.swapSwaSgd();
    expect(read(output)).toEqual([9]);
  });

  it('takes scalars, empty tensors and float64', async () => {
    const double = parameter('double', {
      dtype: 'float64',
      shape: [2],
      data: Float64Array.of(0.1, 0.2),
    });
    const cells = [weights('scalar', []), weights('empty', [0, 3]), double];
    const swa = swaOf([cells]);
    for (let n = 0; n < 3; n += 1) await swa.updateSwa();
    await swa.swapSwaSgd();
    expect(read(double)).toEqual([0.1, 0.2]);
  });
});

describe('accuracy against float64', () => {
  /** The rms relative error of the average of `n` float32 weights with 1 % noise. */
  async function error(n: number, compensated: boolean): Promise<number> {
    const length = 256;
    const cell = weights('w', [length]);
    const data = cell.get().data as Float32Array;
    const centre = data.slice();
    const swa = swaOf([[cell]], { compensated });
    const sums = new Float64Array(length);
    const normal = gaussian();
    for (let step = 0; step < n; step += 1) {
      data.forEach((_, index) => {
        data[index] = (centre[index] ?? 0) * (1 + 0.01 * normal());
        sums[index] = (sums[index] ?? 0) + (data[index] ?? 0);
      });
      await swa.updateSwa();
    }
    const { swaState = {}, residuals = {} } = (await swa.stateDict()).averages['swa'] ?? {};
    await swa.dispose();
    const squares = sums.map((sum, index) => {
      const found = Number(swaState['w']?.data[index]) + Number(residuals['w']?.data[index] ?? 0);
      return (found / (sum / n) - 1) ** 2;
    });
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / length);
  }

  it('is within 5e-6 rms after 10,000 updates of weights with 1 % noise', async () => {
    expect(await error(10_000, false)).toBeLessThan(5e-6);
  });

  it('is within 1e-7 rms compensated', async () => {
    expect(await error(10_000, true)).toBeLessThan(1e-7);
  });

  it('follows decay 0.9999 to 1e-6 over 200,000 updates by default', async () => {
    const cell = weights('w', [4]);
    const swa = swaOf([[cell]], { rule: exponential(0.9999) });
    const data = cell.get().data as Float32Array;
    let expected = 0;
    for (let step = 0; step < 200_000; step += 1) {
      const value = Math.fround(step === 0 ? 1 : 1.5 + 0.01 * Math.sin(step));
      data.fill(value);
      expected = step === 0 ? value : expected + (1 - 0.9999) * (value - expected);
      await swa.updateSwa();
    }
    await swa.swapSwaSgd();
    read(cell).forEach((value) => expect(Math.abs(value / expected - 1)).toBeLessThan(1e-6));
  });
});

describe('compensation', () => {
  const plain = { ...backend, canCompensate: false };

  it('is refused where it is asked for and the backend lacks it', () => {
    expect(() => swaOf([[weights('w', [1])]], { backend: plain, compensated: true })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
    );
  });

  it('is warned of once where the rule needs it and the backend lacks it', async () => {
    const onWarning = vi.fn<(message: string) => void>();
    const swa = swaOf([[weights('w', [1])]], {
      backend: plain,
      rule: exponential(0.9999),
      onWarning,
    });
    for (let n = 0; n < 3; n += 1) await swa.updateSwa();
    expect(onWarning).toHaveBeenCalledTimes(1);
  });
});

describe('memory', () => {
  it('is the same after 100,000 updates as after 10', async () => {
    const swa = swaOf([[weights('w', [100]), weights('b', [3], 2)]], { rule: equal() });
    for (let n = 0; n < 10; n += 1) await swa.updateSwa();
    const before = backend.memory();
    for (let n = 0; n < 100_000; n += 1) await swa.updateSwa();
    expect(backend.memory()).toEqual(before);
    await swa.dispose();
    expect(backend.memory().tensors).toBe(before.tensors - 2);
  });
});

describe('observedOptimizer', () => {
  it('lets a loop own the step: resetLr before it, step after it', async () => {
    const cell = weights('w', [1]);
    const group = { params: [cell], lr: 0.1 };
    const swa = new SWA(observedOptimizer([group]), {
      backend,
      swaStart: 2,
      swaFreq: 1,
      swaLr: 0.01,
    });
    const rates: number[] = [];
    for (let step = 1; step <= 4; step += 1) {
      swa.resetLr();
      rates.push(group.lr);
      fill(cell, step);
      await swa.step();
    }
    expect(rates).toEqual([0.1, 0.1, 0.01, 0.01]);
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([3.5]);
  });
});
