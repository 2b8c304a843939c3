// How far the averages are from those in float64, after as many updates as long runs make.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { expect, it } from 'vitest';
import { averaged, randomFrom } from './data.js';

/** Draws weights around fixed values of either sign, with 1 % of noise. */
function noisyWeights(count: number): () => Float32Array {
  const random = randomFrom(1);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const centres = Float64Array.from({ length: count }, normal);
  return () => Float32Array.from(centres, (centre) => centre * (1 + 0.01 * normal()));
}

const tensor = (data: Float32Array): HostTensor => ({
  dtype: 'float32',
  shape: [data.length],
  data,
});
const at = ({ data }: HostTensor, index: number): number => Number(data[index]);

/**
 * The rms relative errors of a float32 average of `first` and what `next` gives, against the same
 * in float64.
 */
function errorsAfter(
  updates: number,
  weight: (nAvg: number) => number,
  first: Float32Array,
  next: () => Float32Array,
): { readonly plain: number; readonly compensated: number } {
  const backend = cpuBackend({ kernel: 'wasm' });
  const exact = Float64Array.from(first);
  let average = tensor(first);
  let pair = { average: tensor(first), residual: tensor(new Float32Array(first.length)) };
  for (let nAvg = 1; nAvg < updates; nAvg += 1) {
    const live = next();
    for (const [index, value] of live.entries()) {
      const old = exact[index] ?? NaN;
      exact[index] = old + (value - old) * weight(nAvg);
    }
    const step = { live: tensor(live), weight: weight(nAvg) };
    const [moved, both] = averaged(backend, [
      { average, ...step },
      { ...pair, ...step },
    ]);
    average = moved?.average ?? average;
    pair = { average: both?.average ?? average, residual: both?.residual ?? average };
  }
  return {
    plain: rmsRelative(exact, (index) => at(average, index)),
    compensated: rmsRelative(exact, (index) => at(pair.average, index) + at(pair.residual, index)),
  };
}

function rmsRelative(expected: Float64Array, found: (index: number) => number): number {
  const squares = expected.map((value, index) => ((found(index) - value) / value) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / expected.length);
}

it('keeps the running mean of 10,000 noisy weights', () => {
  const next = noisyWeights(256);
  const errors = errorsAfter(10_000, (nAvg) => 1 / (nAvg + 1), next(), next);
  expect(errors.plain).toBeLessThan(5e-6);
  expect(errors.compensated).toBeLessThan(1e-7);
});

it('keeps an exponential average of decay 0.9999 over 200,000 updates of noisy weights', () => {
  const next = noisyWeights(32);
  const errors = errorsAfter(200_000, () => 1 - 0.9999, next(), next);
  expect(errors.compensated).toBeLessThan(1e-6);
});

it('lets an exponential average reach weights that have settled, which takes compensation', () => {
  const draw = noisyWeights(32);
  const [first, settled] = [draw(), draw()];
  const errors = errorsAfter(
    200_000,
    () => 1 - 0.9999,
    first,
    () => settled,
  );
  expect(errors.compensated).toBeLessThan(1e-6);
  expect(errors.plain).toBeGreaterThan(1e-4);
});
