import { describe, expect, it } from 'vitest';

import { legsOf } from '../../src/plan/plan.js';

describe('legsOf', () => {
  const legs = legsOf({ epochs: 100, initialRate: 0.1, averageEvery: 10 });

  it('has the legs of most worth first', () => {
    expect(legs.map(({ name }) => name)).toEqual([
      'sgd-100',
      'swa-0.05-100',
      'trunk',
      'cosines-100',
      'fge-4-100',
      'swa-0.02-100',
      'sgd-60',
      'swa-0.05-60',
      'swa-0.02-60',
      'sgd-40',
      'swa-0.05-40',
      'swa-0.02-40',
      'sgd-20',
      'swa-0.05-20',
      'swa-0.02-20',
      'fge-2-100',
    ]);
  });

  it.each([20, 40, 100])('goes on from checkpoints that are kept, with %i epochs', (epochs) => {
    for (const { after, lastEpoch } of legsOf({ epochs, initialRate: 0.1, averageEvery: 10 })) {
      if (after === undefined) continue;
      expect(after.leg.branches).toContain(after.epoch);
      expect(Number.isInteger(after.epoch)).toBe(true);
      expect(after.epoch).toBeLessThan(lastEpoch);
      expect(after.epoch).toBeGreaterThanOrEqual(lastEpoch / 2);
    }
  });

  it('begins averages at parts of the budget', () => {
    const swa = legs.find(({ name }) => name === 'swa-0.05-60');
    expect(swa?.observers.map(({ name, from }) => [name, from])).toEqual([
      ['swa-from-50', 30],
      ['swa-from-60', 36],
      ['swa-from-75', 45],
      ['swa-from-90', 54],
    ]);
    const trunk = legs.find(({ name }) => name === 'trunk');
    expect(trunk?.observers.map(({ name }) => name)).toContain('swa-20-from-90');
  });
});
