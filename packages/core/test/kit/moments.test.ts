// Merged moments are those of all values at once.
import { mergeMoments, shiftedMoments } from '@polyak/core/kit';
import { expect, it } from 'vitest';

function momentsOf(values: readonly number[], center: number): ReturnType<typeof shiftedMoments> {
  const meanOf = (f: (x: number) => number): number =>
    values.reduce((sum, x) => sum + f(x), 0) / values.length;
  return shiftedMoments(
    {
      center: [center],
      deviation: [meanOf((x) => x - center)],
      square: [meanOf((x) => (x - center) ** 2)],
    },
    values.length,
  );
}

it('gives mean and population variance whatever the first mean', () => {
  const { mean, variance, count } = momentsOf([1, 2, 4, 9], 3);
  expect([...mean, ...variance, count]).toEqual([4, 9.5, 4]);
});

it('gives no negative variance', () => {
  const means = { center: [1], deviation: [1e-3], square: [0] };
  expect(shiftedMoments(means, 2).variance[0]).toBe(0);
});

it('merges parts of unequal counts', () => {
  const parts = [momentsOf([1, 2], 1), momentsOf([4], 5), momentsOf([9, -3, 0.5], 0)];
  const all = momentsOf([1, 2, 4, 9, -3, 0.5], 2);
  const merged = mergeMoments(parts);
  expect(merged.count).toBe(6);
  expect(merged.mean[0]).toBeCloseTo(all.mean[0] as number, 12);
  expect(merged.variance[0]).toBeCloseTo(all.variance[0] as number, 12);
});
