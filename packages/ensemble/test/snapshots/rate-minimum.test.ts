// When snapshots are due: once a cycle, where the rate is lowest.
import { isRateMinimum } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';

type Schedule = (step: number) => number;

function due(schedule: Schedule, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => step).filter((step) =>
    isRateMinimum(schedule, step),
  );
}

/** Equation 2 of the paper, with steps from 0. */
const cosine =
  (length: number): Schedule =>
  (step) =>
    0.05 * (Math.cos((Math.PI * (step % length)) / length) + 1);

/** The rate of fast geometric ensembling, with iterations from 1 as in the paper. */
function fge(c: number, high: number, low: number): Schedule {
  return (step) => {
    const t = ((step % c) + 1) / c;
    return t <= 0.5 ? (1 - 2 * t) * high + 2 * t * low : (2 - 2 * t) * low + (2 * t - 1) * high;
  };
}

describe('isRateMinimum', () => {
  it.each([2, 3, 7, 100])('is the last step of each cosine cycle of %d', (length) => {
    expect(due(cosine(length), 5 * length)).toEqual(
      [1, 2, 3, 4, 5].map((cycle) => cycle * length - 1),
    );
  });

  it.each([2, 4, 6, 50])(
    'is the middle of each triangle of fast geometric ensembling, of %d steps',
    (c) => {
      const schedule = fge(c, 0.05, 0.0005);
      const middles = [0, 1, 2, 3].map((cycle) => cycle * c + c / 2 - 1);
      // The first step of a run has none before it.
      expect(due(schedule, 4 * c)).toEqual(middles.filter((step) => step > 0));
      expect(schedule(c / 2 - 1)).toBeCloseTo(0.0005, 15);
    },
  );

  it('is the last step of each line, and of each valley floor', () => {
    expect(due((step) => 1 - ((step % 5) + 1) / 5, 15)).toEqual([4, 9, 14]);
    expect(due((step) => [3, 1, 1, 2][step % 4] ?? NaN, 12)).toEqual([2, 6, 10]);
  });

  it('is nowhere on a rate that is constant, falls or rises', () => {
    for (const schedule of [() => 0.1, (n: number) => 1 / (1 + n), (n: number) => n]) {
      expect(due(schedule, 100)).toEqual([]);
    }
  });

  it('finds one minimum a cycle in a million steps, whatever cosines are rounded to', () => {
    expect(due(cosine(250_000), 1_000_000)).toEqual([249_999, 499_999, 749_999, 999_999]);
  });

  it.each([-1, 0.5, NaN, Infinity])('refuses the step %d', (step) => {
    expect(() => isRateMinimum(() => 0, step)).toThrow(RangeError);
  });
});
