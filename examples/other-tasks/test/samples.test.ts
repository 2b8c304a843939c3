import { describe, expect, it } from 'vitest';

import { pick, pieces, shuffled } from '../src/samples.js';
import { partsOf } from '../src/tasks/parts.js';
import { samples } from './fixture.js';

describe('samples', () => {
  it('are picked with their classes', () => {
    const all = samples(5);
    const picked = pick(all, [3, 0]);
    expect([...picked.inputs]).toEqual([
      ...all.inputs.subarray(6, 8),
      ...all.inputs.subarray(0, 2),
    ]);
    expect([...picked.labels]).toEqual([all.labels[3], all.labels[0]]);
  });

  it('are shuffled by name, the same each time', () => {
    const order = shuffled(100, '1/2');
    expect(order).toEqual(shuffled(100, '1/2'));
    expect(order).not.toEqual(shuffled(100, '1/3'));
    expect(order.toSorted((a, b) => a - b)).toEqual([...Array(100).keys()]);
  });

  it('are cut into pieces', () => {
    expect(pieces([4, 1, 3, 0, 2], 2)).toEqual([[4, 1], [3, 0], [2]]);
  });

  it('are in one part only', () => {
    const parts = partsOf(samples(50), { train: 30, validation: 10, test: 10 });
    const points = Object.values(parts).flatMap(({ inputs, labels }) =>
      [...labels].map((_, index) => `${inputs[2 * index]} ${inputs[2 * index + 1]}`),
    );
    expect(new Set(points).size).toBe(50);
  });

  it('refuse parts that are larger than they are', () => {
    expect(() => partsOf(samples(50), { train: 30, validation: 10, test: 11 })).toThrow(
      '50 samples, expected 51 or more.',
    );
  });
});
