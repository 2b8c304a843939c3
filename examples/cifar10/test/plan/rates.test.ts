import { isRateMinimum } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';

import { cycleEnds } from '../../src/methods/ensembles.js';
import type { Leg } from '../../src/plan/leg.js';
import { legsOf } from '../../src/plan/plan.js';
import { ratesOf } from '../../src/plan/rates.js';

const legs = legsOf({ epochs: 100, initialRate: 0.1, averageEvery: 10 });
const STEPS = 78;
const legNamed = (name: string): Leg => {
  const leg = legs.find((each) => each.name === name);
  if (leg === undefined) throw new Error(`There is no leg ${name}.`);
  return leg;
};
/** The last epochs of cycles. */
const minima = (name: string): readonly number[] => {
  const leg = legNamed(name);
  const rates = ratesOf(leg, 0.1, STEPS);
  const firstStep = (leg.after?.epoch ?? 0) * STEPS;
  const steps = Array.from({ length: leg.lastEpoch * STEPS - firstStep - 1 }, (_, n) => n);
  const fromBeginning = (step: number): number => rates(firstStep + step);
  return steps
    .filter((step) => isRateMinimum(fromBeginning, step))
    .map((step) => (firstStep + step + 1) / STEPS);
};

describe('ratesOf', () => {
  it.each([
    [50, 0.1],
    [60, 0.07525],
    [70, 0.0505],
    [90, 0.001],
    [99, 0.001],
  ])('anneals SGD: before epoch %i it is %f', (epochs, rate) => {
    expect(ratesOf(legNamed('sgd-100'), 0.1, STEPS)(epochs * STEPS)).toBeCloseTo(rate, 12);
  });

  it('is the same for the trunk and all endings up to where they part', () => {
    for (const leg of legs) {
      if (leg.rates.kind !== 'paper') continue;
      const rates = ratesOf(leg, 0.1, STEPS);
      for (let step = 0; step < (leg.after?.epoch ?? 0) * STEPS; step += 1) {
        expect(rates(step)).toBe(0.1);
      }
    }
  });

  it.each([
    ['cosines-100', [60, 70, 80, 90]],
    ['fge-4-100', [77, 81, 85, 89, 93, 97]],
    ['fge-2-100', [76, 78, 80, 82, 84, 86, 88, 90, 92, 94, 96, 98]],
  ])('is lowest where members of %s are taken', (name, epochs) => {
    // A triangle is lowest in the first step after the epoch.
    expect(minima(name).map(Math.floor)).toEqual(epochs);
    expect(cycleEnds(legNamed(name)).filter((epoch) => epoch < 100)).toEqual(epochs);
  });

  it('has a last member at the end of the last cycle', () => {
    expect(cycleEnds(legNamed('cosines-100')).at(-1)).toBe(100);
    expect(cycleEnds(legNamed('fge-2-100')).at(-1)).toBe(100);
    expect(cycleEnds(legNamed('sgd-100'))).toEqual([]);
  });
});
