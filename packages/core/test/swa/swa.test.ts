// Mirrors torchcontrib's own tests of SWA: automatic, manual, by group, group added during the run,
// rate, raises.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { SWAOptions } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it, vi } from 'vitest';
import { fill, read, sgd, weights } from '../../../../tests/support/sgd.js';

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
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining('no average of "b" yet')]]);
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
