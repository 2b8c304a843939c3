import { cpuBackend } from '@polyak/backend-cpu';
import { observedOptimizer, SWA } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { fill, read, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

const rates = (lrs: readonly number[]): { params: never[]; lr: number }[] =>
  lrs.map((lr) => ({ params: [], lr }));

it('returns what the closure returned, and makes no step of its own', async () => {
  const optimizer = observedOptimizer(rates([0.1]));
  expect(await optimizer.step(async () => 7)).toBe(7);
  expect(await optimizer.step()).toBeUndefined();
});

it('saves and loads the learning rate of each group', async () => {
  const groups = rates([0.1, 0.2]);
  const optimizer = observedOptimizer(groups);
  const state = await optimizer.stateDict();
  expect(state).toEqual({ lr: [0.1, 0.2] });
  for (const group of groups) group.lr = 9;
  await optimizer.loadStateDict(state);
  expect(groups.map(({ lr }) => lr)).toEqual([0.1, 0.2]);
});

it.each([[[]], [[0.5]], [[0.5, 0.5, 0.5]], [[0.5, NaN]], [[0.5, -1]], [[0.5, Infinity]]])(
  'refuses the learning rates %j for two groups',
  (lr) => {
    const groups = rates([0.1, 0.2]);
    const optimizer = observedOptimizer(groups);
    expect(() => void optimizer.loadStateDict({ lr })).toThrow(
      'expected a number >= 0 for each of 2 groups',
    );
    expect(groups.map((group) => group.lr)).toEqual([0.1, 0.2]);
  },
);

it.each([{}, { lr: 0.1 }, { lr: [0.1, '0.2'] }, { lr: [0.1, null] }, null, [0.1, 0.2]])(
  'refuses the state %j',
  (state) => {
    const groups = rates([0.1, 0.2]);
    const optimizer = observedOptimizer(groups);
    expect(() => void optimizer.loadStateDict(state)).toThrow(
      expect.objectContaining({ code: 'ERR_STATE' }),
    );
    expect(groups.map((group) => group.lr)).toEqual([0.1, 0.2]);
  },
);

it('has groups of its own: pushes to the given list and to its own do not mix', async () => {
  const groups = rates([0.1]);
  const optimizer = observedOptimizer(groups);
  groups.push({ params: [], lr: 0.2 });
  expect(optimizer.paramGroups).toHaveLength(1);
  await optimizer.addParamGroup({ params: [], lr: 0.3 });
  expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.1, 0.3]);
  expect(groups.map(({ lr }) => lr)).toEqual([0.1, 0.2]);
});

describe('with SWA', () => {
  it('lets a loop own the step: resetLr before it, step after it', async () => {
    const cell = weights('w', [1]);
    const group = { params: [cell], lr: 0.1 };
    const swa = new SWA(observedOptimizer([group]), {
      backend,
      swaStart: 2,
      swaFreq: 1,
      swaLr: 0.01,
    });
    const seen: number[] = [];
    for (let step = 1; step <= 4; step += 1) {
      swa.resetLr();
      seen.push(group.lr);
      fill(cell, step);
      await swa.step();
    }
    expect(seen).toEqual([0.1, 0.1, 0.01, 0.01]);
    await swa.swapSwaSgd();
    expect(read(cell)).toEqual([3.5]);
  });
});
