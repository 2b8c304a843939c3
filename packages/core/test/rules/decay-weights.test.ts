// Decays after the fact: against the updates of a run, scaled one by one, and against the running
// averages of the same run.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import {
  decayWeights,
  equal,
  exponential,
  exponentialWeights,
  powerFunction,
} from '@polyak/core/rules';
import type { DecayCurve } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { gaussian, sgd, weights } from '../../../../tests/support/sgd.js';

const SIZE = 32;

/** The published curves, over the share of the checkpoints. */
const CURVES: readonly (readonly [string, DecayCurve, (share: number) => number])[] = [
  ['linear', 'linear', (s) => 1 - s],
  ['cosine', 'cosine', (s) => (1 + Math.cos(Math.PI * s)) / 2],
  ['minus-sqrt', 'minus-sqrt', (s) => 1 - Math.sqrt(s)],
  ['a function', (s) => (1 - s) ** 3, (s) => (1 - s) ** 3],
];

interface Run {
  readonly checkpoints: readonly Float64Array[];
  /** The updates between them. */
  readonly updates: readonly Float64Array[];
  /** Averages that were kept during the run. */
  readonly averages: Readonly<Record<string, Float64Array>>;
}

/** A noisy descent at a constant rate, with `k` checkpoints. */
async function run(k: number): Promise<Run> {
  const tensor = { dtype: 'float64', shape: [SIZE], data: new Float64Array(SIZE) } as const;
  const parameter = { ...weights('w', [SIZE]), get: () => tensor };
  const averages = {
    linear: equal(),
    'minus-sqrt': powerFunction(-1 / 2),
    exponential: exponential(0.9),
  };
  const swa = new SWA(sgd([{ params: [parameter], lr: 0 }]), { backend: cpuBackend(), averages });
  const normal = gaussian();
  const checkpoints: Float64Array[] = [];
  const updates: Float64Array[] = [];
  for (let step = 0; step < k; step += 1) {
    const update = Float64Array.from(tensor.data, (value, i) => normal() + (i - value) / 20);
    update.forEach((change, i) => {
      tensor.data[i] = (tensor.data[i] ?? 0) + change;
    });
    if (step > 0) updates.push(update);
    checkpoints.push(Float64Array.from(tensor.data));
    await swa.updateSwa();
  }
  const { averages: kept } = await swa.stateDict();
  await swa.dispose();
  return {
    checkpoints,
    updates,
    averages: Object.fromEntries(
      Object.entries(kept).map(([name, { swaState }]) => [
        name,
        swaState['w']?.data as Float64Array,
      ]),
    ),
  };
}

function weightedSum(vectors: readonly Float64Array[], shares: readonly number[]): Float64Array {
  expect(shares).toHaveLength(vectors.length);
  const sum = new Float64Array(SIZE);
  for (const [j, vector] of vectors.entries()) {
    vector.forEach((value, i) => {
      sum[i] = (sum[i] ?? 0) + (shares[j] ?? 0) * value;
    });
  }
  return sum;
}

function distance(a: Float64Array, b: Float64Array | undefined): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b?.[i] ?? Number.NaN))));
}

describe('decayWeights', () => {
  it.each(CURVES)('scales each recorded update by %s', async (_, decay, curve) => {
    for (const k of [1, 2, 3, 10, 57]) {
      const { checkpoints, updates } = await run(k);
      const mean = weightedSum(checkpoints, decayWeights(decay, k));
      const [first = new Float64Array(SIZE)] = checkpoints;
      const factors = updates.map((__, i) => curve((i + 1) / k));
      const decayed = weightedSum([first, ...updates], [1, ...factors]);
      expect(distance(mean, decayed)).toBeLessThan(1e-12);
    }
  });

  it('gives the weights of the formulas', () => {
    expect(decayWeights('linear', 4)).toEqual([0.25, 0.25, 0.25, 0.25]);
    const golden = (values: readonly number[]): unknown[] =>
      values.map((value) => expect.closeTo(value, 15));
    expect(decayWeights('minus-sqrt', 4)).toEqual(
      golden([0.5, (Math.SQRT2 - 1) / 2, (Math.sqrt(3) - Math.SQRT2) / 2, (2 - Math.sqrt(3)) / 2]),
    );
    expect(decayWeights('cosine', 4)).toEqual(
      golden([(2 - Math.SQRT2) / 4, Math.SQRT2 / 4, Math.SQRT2 / 4, (2 - Math.SQRT2) / 4]),
    );
    for (const curve of ['linear', 'cosine', 'minus-sqrt'] as const) {
      expect(decayWeights(curve, 1)).toEqual([expect.closeTo(1, 15)]);
    }
  });

  it('sums to 1 for thousands of checkpoints', () => {
    for (const [, decay] of CURVES) {
      const sum = decayWeights(decay, 10_000).reduce((total, weight) => total + weight, 0);
      expect(sum).toBeCloseTo(1, 12);
    }
  });

  it('is what rules keep in the run, where ratios of weights do not depend on k', async () => {
    for (const k of [1, 2, 3, 10, 57]) {
      const { checkpoints, averages } = await run(k);
      for (const curve of ['linear', 'minus-sqrt'] as const) {
        const mean = weightedSum(checkpoints, decayWeights(curve, k));
        expect(distance(mean, averages[curve])).toBeLessThan(1e-12);
      }
    }
    const ratio = ([first = 0, second = 0]: readonly number[]): number => second / first;
    expect(ratio(decayWeights('minus-sqrt', 2))).toBeCloseTo(ratio(decayWeights('minus-sqrt', 9)));
    expect(ratio(decayWeights('cosine', 2))).toBeCloseTo(1);
    expect(ratio(decayWeights('cosine', 3))).toBeCloseTo(2);
  });

  it('refuses other curves and counts', () => {
    expect(() => decayWeights('constructor' as 'linear', 3)).toThrow('no decay "constructor"');
    expect(() => decayWeights('linear', 0)).toThrow('k is 0, expected the number of checkpoints');
    expect(() => decayWeights('linear', 2.5)).toThrow(RangeError);
    expect(() => decayWeights('linear', 2 ** 32)).toThrow('k is 4294967296');
    expect(() => decayWeights(() => Number.NaN, 2)).toThrow('the decay of 0.5 is NaN');
    expect(decayWeights('linear', 2 ** 20)).toHaveLength(2 ** 20);
    expect(() => decayWeights('linear', 2 ** 20 + 1)).toThrow('k is 1048577');
  });

  it('takes the ends of a curve to be 1 and 0, whatever the function says', () => {
    expect(decayWeights((share) => 0.9 - share / 2, 2)).toEqual([
      expect.closeTo(0.35, 15),
      expect.closeTo(0.65, 15),
    ]);
  });
});

describe('exponentialWeights', () => {
  it('is what exponential keeps during the run', async () => {
    for (const k of [1, 2, 10, 57]) {
      const { checkpoints, averages } = await run(k);
      const mean = weightedSum(checkpoints, exponentialWeights(0.9, k));
      expect(distance(mean, averages['exponential'])).toBeLessThan(1e-12);
    }
  });

  it('gives the first or the last checkpoint at its ends', () => {
    expect(exponentialWeights(1, 3)).toEqual([1, 0, 0]);
    expect(exponentialWeights(0, 3)).toEqual([0, 0, 1]);
    expect(exponentialWeights(0.5, 4)).toEqual([0.125, 0.125, 0.25, 0.5]);
  });

  it('refuses decays and counts out of range', () => {
    expect(() => exponentialWeights(1.5, 3)).toThrow('the decay is 1.5');
    expect(() => exponentialWeights(-0.5, 3)).toThrow('the decay is -0.5');
    expect(() => exponentialWeights(Number.NaN, 3)).toThrow(RangeError);
    expect(() => exponentialWeights(0.5, -1)).toThrow('k is -1');
    expect(() => exponentialWeights('0.5' as never, 3)).toThrow('is a string, expected a number');
  });
});
