// Samples of SWAG against the distribution they are drawn from, within standard errors; and the
// variance itself.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { NamedTensors } from '@polyak/core';
import type { DType, HostTensor } from '@polyak/core/interfaces';
import { SWAG } from '@polyak/ensemble';
import type { SampleOptions } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { random } from '../../../../tests/support/sgd.js';
import { covarianceOf, meanOf, referenceOf } from '../../../../tests/support/swag-reference.js';

const SAMPLES = 40_000;
// Of all numbers that are compared here, about one in 1.7 million lies farther out.
const STANDARD_ERRORS = 5;
const SHAPES = { a: [2], b: [1, 3] } as const;

/** Models of two tensors whose five weights are correlated, within the tensors and between them. */
function models(count: number): readonly (readonly number[])[] {
  const uniform = random(17);
  return Array.from({ length: count }, () => {
    const [p, q] = [uniform(), uniform()];
    return [p, p + 0.3 * uniform(), -2 * p + uniform(), q, q - p + 3].map(Math.fround);
  });
}

/** A SWAG that has collected `visited`, lists of all weights in a row. */
async function collected(
  visited: readonly (readonly number[])[],
  options: { readonly rank?: number; readonly seed?: number },
  dtype: 'float32' | 'float64' = 'float32',
): Promise<SWAG<HostTensor>> {
  const tensorOf = (shape: readonly number[]): HostTensor => {
    const length = shape.reduce((product, extent) => product * extent, 1);
    return {
      dtype,
      shape,
      data: dtype === 'float32' ? new Float32Array(length) : new Float64Array(length),
    };
  };
  const parameters = Object.entries(SHAPES).map(([name, shape]) =>
    parameter(name, tensorOf(shape)),
  );
  const swag = new SWAG(parameters, { backend: cpuBackend(), ...options });
  for (const weights of visited) {
    let taken = 0;
    for (const cell of parameters) {
      const { data } = cell.get();
      for (let i = 0; i < data.length; i += 1) data[i] = weights[taken++] ?? NaN;
    }
    await swag.collect();
  }
  return swag;
}

function row(weights: NamedTensors): number[] {
  return [...(weights['a']?.data ?? []), ...(weights['b']?.data ?? [])].map(Number);
}

async function samples(
  swag: SWAG<HostTensor>,
  options: SampleOptions,
): Promise<readonly number[][]> {
  const drawn: number[][] = [];
  for (let n = 0; n < SAMPLES; n += 1) drawn.push(row(await swag.sample(options)));
  return drawn;
}

/** The mean and all covariances of `drawn` against those expected, in standard errors. */
function expectDistribution(
  drawn: readonly (readonly number[])[],
  mean: readonly number[],
  covariance: readonly (readonly number[])[],
): void {
  const columns = mean.map((expected, i) => drawn.map((sample) => (sample[i] ?? NaN) - expected));
  const at = (i: number, j: number): number => covariance[i]?.[j] ?? NaN;
  const far = columns.flatMap((column, i) => [
    ...beyond(`mean ${i}`, meanProduct(column, []), at(i, i)),
    ...columns.flatMap((other, j) =>
      beyond(
        `covariance ${i},${j}`,
        meanProduct(column, other) - at(i, j),
        at(i, i) * at(j, j) + at(i, j) ** 2,
      ),
    ),
  ]);
  expect(far).toEqual([]);
}

/** `what`, where the mean of {@link SAMPLES} numbers of that variance is too far from 0. */
function beyond(what: string, mean: number, variance: number): readonly string[] {
  const standardErrors = Math.abs(mean) / Math.sqrt(variance / SAMPLES);
  return standardErrors < STANDARD_ERRORS ? [] : [`${what}: ${standardErrors} standard errors`];
}

/** The mean of the products of two columns; of the first alone where there is no other. */
function meanProduct(column: readonly number[], other: readonly number[]): number {
  return column.reduce((sum, value, n) => sum + value * (other[n] ?? 1), 0) / column.length;
}

describe('the distribution of samples', () => {
  it.each([
    { what: 'more models than the rank', count: 9, rank: 4, divisor: 3 },
    { what: 'as many models as the rank', count: 4, rank: 4, divisor: 3 },
    { what: 'fewer models than the rank', count: 3, rank: 20, divisor: 2 },
    { what: 'rank 1', count: 6, rank: 1, divisor: 1 },
    { what: 'rank 2', count: 6, rank: 2, divisor: 1 },
    { what: 'rank 0, the diagonal alone', count: 6, rank: 0, divisor: NaN },
  ])('is N(mean, Σ): $what', async ({ count, rank, divisor }) => {
    const reference = referenceOf(models(count), rank);
    const drawn = await samples(await collected(models(count), { rank, seed: 1 }), {});
    expectDistribution(drawn, reference.mean, covarianceOf(reference, divisor));
  });

  it('has its covariance multiplied by scale', async () => {
    const reference = referenceOf(models(9), 4);
    const scaled = covarianceOf(reference, 3).map((line) => line.map((value) => value * 0.25));
    const drawn = await samples(await collected(models(9), { rank: 4, seed: 2 }), { scale: 0.25 });
    expectDistribution(drawn, reference.mean, scaled);
  });

  it('block-wise, is the same within each tensor, and uncorrelated between tensors', async () => {
    const reference = referenceOf(models(9), 4);
    const blocks = covarianceOf(reference, 3).map((line, i) =>
      line.map((value, j) => (i < 2 === j < 2 ? value : 0)),
    );
    const swag = await collected(models(9), { rank: 4, seed: 3 });
    expectDistribution(await samples(swag, { block: true }), reference.mean, blocks);
  });

  it.each([
    ['scale 0', 5, { scale: 0 }],
    ['a single model', 1, {}],
  ])('is the mean alone: %s', async (_, count, options) => {
    const swag = await collected(models(count), { rank: 4 });
    const { mean } = referenceOf(models(count), 4);
    expect(row(await swag.sample(options))).toEqual(mean.map(Math.fround));
  });

  it('depends on the seed, and on nothing else', async () => {
    const draw = async (seed: number): Promise<number[]> =>
      row(await (await collected(models(5), { seed })).sample());
    expect(await draw(4)).toEqual(await draw(4));
    expect(await draw(4)).not.toEqual(await draw(5));
  });
});

describe('the variance of weights far from 0', () => {
  it('keeps its digits at 1e6 with deviations of 1e-3, where E[x²] - E[x]² has none', async () => {
    const uniform = random(23);
    const visited = Array.from({ length: 1000 }, () =>
      Array.from({ length: 5 }, () => 1e6 + 2e-3 * (uniform() - 0.5)),
    );
    const { variance } = referenceOf(
      // Exact: both are within a factor of two of each other.
      visited.map((weights) => weights.map((value) => value - 1e6)),
      0,
    );
    const state = await (await collected(visited, { rank: 0 }, 'float64')).stateDict();
    const errors = (found: readonly number[]): number[] =>
      found.map((value, i) => Math.abs(value / (variance[i] ?? NaN) - 1));
    expect(Math.max(...errors(row(state.variance)))).toBeLessThan(1e-6);

    // The original's formula, in float64.
    const [mean, square] = [
      meanOf(visited),
      meanOf(visited.map((weights) => weights.map((value) => value ** 2))),
    ];
    const naive = square.map((value, i) => value - (mean[i] ?? NaN) ** 2);
    expect(Math.min(...errors(naive))).toBeGreaterThan(1);
  });

  it.each<[DType & ('float32' | 'float64')]>([['float32'], ['float64']])(
    'never is negative, in %s',
    async (dtype) => {
      const visited = Array.from({ length: 200 }, (_, n) => [
        1e6,
        1e-30 * n,
        1 + (n % 2) * 2 ** -23,
        3e38,
        0.1,
      ]);
      const state = await (await collected(visited, {}, dtype)).stateDict();
      expect(row(state.variance).every((value) => value >= 0)).toBe(true);
      expect(row(state.variance)[0]).toBe(0);
    },
  );
});
