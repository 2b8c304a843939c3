// How far averages are from those in float64 after many updates.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { averaged, randomFrom } from './data.js';

/** Draws weights around fixed means of either sign, with noise of `share` of each mean. */
function weightsWithNoise(count: number, share: number): () => Float32Array {
  const normal = normalFrom(1);
  const means = Float64Array.from({ length: count }, normal);
  return () => Float32Array.from(means, (mean) => mean * (1 + share * normal()));
}

/** Draws weights around 0. */
function noise(count: number): () => Float32Array {
  const normal = normalFrom(2);
  return () => Float32Array.from({ length: count }, normal);
}

function normalFrom(seed: number): () => number {
  const random = randomFrom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const tensor = (data: Float32Array): HostTensor => ({
  dtype: 'float32',
  shape: [data.length],
  data,
});
const at = ({ data }: HostTensor, index: number): number => Number(data[index]);

/** How far averages are from those in float64, as shares of the size of the weights (all rms). */
interface Errors {
  readonly plain: number;
  /** Of the average with its residual. */
  readonly compensated: number;
  /** Of the average as the model gets it, without its residual. */
  readonly rounded: number;
}

interface Run {
  readonly kernel: 'wasm' | 'js';
  readonly updates: number;
  readonly weight: (nAvg: number) => number;
  readonly first: Float32Array;
  readonly next: () => Float32Array;
}

/** The errors of averages of `first` and what `next` gives. */
function errorsAfter({ kernel, updates, weight, first, next }: Run): Errors {
  const backend = cpuBackend({ kernel });
  const exact = Float64Array.from(first);
  const size = rms(first);
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
  const errorOf = (found: (index: number) => number): number =>
    rms(exact.map((value, index) => found(index) - value)) / size;
  return {
    plain: errorOf((index) => at(average, index)),
    compensated: errorOf((index) => at(pair.average, index) + at(pair.residual, index)),
    rounded: errorOf((index) => at(pair.average, index)),
  };
}

function rms(values: Float32Array | Float64Array): number {
  const squares = Float64Array.from(values, (value) => value ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / values.length);
}

const equal = (nAvg: number): number => 1 / (nAvg + 1);
const exponential = (): number => 1 - 0.9999;

// The table of the README.
const KINDS = [
  ['1 % noise', () => weightsWithNoise(256, 0.01), { mean: 1e-11, exponential: 2e-10 }],
  ['100 % noise', () => weightsWithNoise(256, 1), { mean: 1e-9, exponential: 2e-8 }],
  ['means of 0', () => noise(256), { mean: 1e-9, exponential: 2e-8 }],
] as const;

describe.each(['wasm', 'js'] as const)('10,000 updates by the kernel %s', (kernel) => {
  it.each(KINDS)('keep the mean of weights with %s', (_, draw, limits) => {
    const next = draw();
    const errors = errorsAfter({ kernel, updates: 10_000, weight: equal, first: next(), next });
    expect(errors.plain).toBeLessThan(5e-6);
    expect(errors.compensated).toBeLessThan(limits.mean);
    expect(errors.rounded).toBeLessThan(4e-8);
  });

  it.each(KINDS)('keep an exponential average of weights with %s', (_, draw, limits) => {
    const next = draw();
    const run = { kernel, updates: 10_000, weight: exponential, first: next(), next };
    const errors = errorsAfter(run);
    expect(errors.plain).toBeLessThan(5e-6);
    expect(errors.compensated).toBeLessThan(limits.exponential);
    expect(errors.rounded).toBeLessThan(4e-8);
  });
});

// The kernels give the same bits, so that one is enough.
describe('100,000 updates', () => {
  const run = { kernel: 'wasm', updates: 100_000, weight: exponential } as const;

  it.each([
    ['1 %', 0.01, 1e-11],
    ['100 %', 1, 1e-9],
  ])('keep an exponential average of weights with %s noise', (_, share, limit) => {
    const next = weightsWithNoise(16, share);
    expect(errorsAfter({ ...run, first: next(), next }).compensated).toBeLessThan(limit);
  });

  it('reach weights that have settled, which takes compensation', () => {
    const draw = weightsWithNoise(16, 0.01);
    const [first, settled] = [draw(), draw()];
    const errors = errorsAfter({ ...run, first, next: () => settled });
    expect(errors.compensated).toBeLessThan(1e-11);
    expect(errors.plain).toBeGreaterThan(1e-4);
  });
});
