// Moments of host arrays agree with float64, in each layout and for any length of a block.
import { hostMoments } from '@polyak/core/kit';
import { expect, it } from 'vitest';

it.each([
  ['channels last', { samples: 50, channels: 3, positions: 1 }],
  ['channels last, several blocks and an odd rest', { samples: 2801, channels: 5, positions: 1 }],
  ['more channels than a block has values', { samples: 35, channels: 5000, positions: 1 }],
  ['channels first', { samples: 4, channels: 3, positions: 7 }],
  ['one value', { samples: 1, channels: 2, positions: 1 }],
])('agrees with two passes in float64: %s', (_, { samples, channels, positions }) => {
  const values = Float32Array.from(
    { length: samples * channels * positions },
    (_value, index) => 1000 + Math.sin(index * index) * (1 + (index % 7)),
  );
  const found = hostMoments(values, { channels, positions });
  expect(found.count).toBe(samples * positions);
  for (let c = 0; c < Math.min(channels, 20); c += 1) {
    const own = values.filter((_value, index) => Math.floor(index / positions) % channels === c);
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length;
    expect(found.mean[c]).toBeCloseTo(mean, 9);
    expect(found.variance[c]).toBeCloseTo(variance, 9);
  }
});

it('shows values that are not finite, in their channel only', () => {
  const { mean } = hostMoments(Float32Array.of(1, NaN, 3, 4), { channels: 2, positions: 1 });
  expect([...mean]).toEqual([2, NaN]);
});
