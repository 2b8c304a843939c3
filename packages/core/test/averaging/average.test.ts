// The average itself: the mean of what was visited, by any rule, of any tensors.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { SWAOptions } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { exponential } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fill, read, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function swaOf(
  groups: readonly (readonly Parameter<HostTensor>[])[],
  options: Partial<SWAOptions<HostTensor>> = {},
): SWA<HostTensor> {
  return new SWA(sgd(groups.map((params) => ({ params, lr: 0.1 }))), { backend, ...options });
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
