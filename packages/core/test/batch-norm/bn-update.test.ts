import { bnUpdate } from '@polyak/core';
import type { BnUpdateOptions, Loader } from '@polyak/core';
import type { BatchNormLayer, BatchNormModel, RunningStatistics } from '@polyak/core/interfaces';
import { describe, expect, it, vi } from 'vitest';
import { expectStatistics, layer, modelOf, moments } from '../support/sample-batches.js';
import type { Batch } from '../support/sample-batches.js';

const VALUES = [1, 2, 4, 8, 3, 5, 100, 103, 99, 7.5];
const SAMPLES: Batch = VALUES.map((value, index) => [value, index * index] as const);
const BATCHES = [SAMPLES.slice(0, 4), SAMPLES.slice(4, 8), SAMPLES.slice(8)];

async function updated(
  loader: Loader<Batch>,
  options: BnUpdateOptions = {},
  kind: BatchNormLayer['varianceKind'] = 'unbiased',
): Promise<RunningStatistics> {
  const fake = layer('bn', { varianceKind: kind });
  await bnUpdate(loader, modelOf([fake]), options);
  return fake.statistics;
}

/** What torch writes: batch means and unbiased variances, weighed. */
function weighed(
  weights: readonly number[],
  correct: boolean,
): { mean: number[]; variance: number[] } {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const all = BATCHES.map((batch) => moments(batch, 1));
  const average = (pick: (m: (typeof all)[number]) => number): number =>
    all.reduce((sum, m, index) => sum + pick(m) * (weights[index] ?? 0), 0) / total;
  const factor = (count: number): number => (correct ? count / (count - 1) : 1);
  return {
    mean: [0, 1].map((c) => average((m) => m.mean[c] ?? NaN)),
    variance: [0, 1].map((c) => average((m) => (m.variance[c] ?? NaN) * factor(m.count))),
  };
}

describe('bnUpdate', () => {
  it('cumulative: batches weigh by their samples, with unbiased variances', async () => {
    const { mean, variance } = weighed([4, 4, 2], true);
    expectStatistics(await updated(BATCHES), mean, variance);
    expectStatistics(await updated(BATCHES, { statistics: 'cumulative' }), mean, variance);
  });

  it('unweighted: every batch weighs the same, as in torch.optim.swa_utils', async () => {
    const { mean, variance } = weighed([1, 1, 1], true);
    expectStatistics(await updated(BATCHES, { statistics: 'unweighted' }), mean, variance);
  });

  it('keeps population variances for runtimes that keep those', async () => {
    const { mean, variance } = weighed([4, 4, 2], false);
    expectStatistics(await updated(BATCHES, {}, 'population'), mean, variance);
  });

  it('pooled: the moments of all samples together, however they are split', async () => {
    const { mean, variance } = moments(SAMPLES, 1);
    for (const batches of [BATCHES, [SAMPLES], [SAMPLES.slice(0, 9), SAMPLES.slice(9)]]) {
      const found = await updated(batches, { statistics: 'pooled' }, 'population');
      expectStatistics(found, [...mean], [...variance]);
    }
  });

  it('pooled: keeps its digits on means that are large beside the spread', async () => {
    const far: Batch = VALUES.map((value) => [1e8 + value, 1e8] as const);
    const { variance } = moments(SAMPLES, 1);
    const found = await updated([far.slice(0, 3), far.slice(3)], { statistics: 'pooled' });
    expect((found.variance[0] ?? NaN) / (variance[0] ?? NaN)).toBeCloseTo(1, 6);
    expect(found.variance[1]).toBe(0);
  });

  it('weighs by samples, by values a channel or equally, which differ by image size', async () => {
    // 3, 1 and 7 positions a sample.
    const batches = [
      { samples: 2, count: 6, mean: 1, variance: 2 },
      { samples: 6, count: 6, mean: 5, variance: 4 },
      { samples: 4, count: 28, mean: -3, variance: 1 },
    ];
    const fake = layer('bn', { channels: 1, varianceKind: 'population' });
    const model: BatchNormModel<(typeof batches)[number]> = {
      layers: [fake],
      sampleCount: ({ samples }) => samples,
      batchMoments: ({ mean, variance, count }) => [
        { mean: Float64Array.of(mean), variance: Float64Array.of(variance), count },
      ],
    };
    await bnUpdate(batches, model, { statistics: 'cumulative' });
    expectStatistics(
      fake.statistics,
      [(2 * 1 + 6 * 5 - 4 * 3) / 12],
      [(2 * 2 + 6 * 4 + 4 * 1) / 12],
    );
    await bnUpdate(batches, model, { statistics: 'unweighted' });
    expectStatistics(fake.statistics, [1], [7 / 3]);
    await bnUpdate(batches, model, { statistics: 'pooled' });
    const mean = (6 * 1 + 6 * 5 - 28 * 3) / 40;
    const squares = 6 * (2 + 1) + 6 * (4 + 25) + 28 * (1 + 9);
    expectStatistics(fake.statistics, [mean], [squares / 40 - mean ** 2]);
  });

  it('corrects each variance by its own number of values, not of samples', async () => {
    const fake = layer('bn', { channels: 1, varianceKind: 'unbiased' });
    const model: BatchNormModel<number> = {
      layers: [fake],
      sampleCount: () => 1,
      batchMoments: (count) => [{ mean: Float64Array.of(0), variance: Float64Array.of(6), count }],
    };
    await bnUpdate([2, 4], model);
    expectStatistics(fake.statistics, [0], [(12 + 8) / 2]);
    await bnUpdate([2, 4], model, { statistics: 'pooled' });
    expectStatistics(fake.statistics, [0], [6]);
  });

  it('takes arrays, generators, async generators and promises of batches', async () => {
    const { mean, variance } = weighed([4, 4, 2], true);
    const loaders: Loader<Batch>[] = [
      new Set(BATCHES),
      (function* () {
        yield* BATCHES;
      })(),
      (async function* () {
        yield* BATCHES;
      })(),
      BATCHES.map(async (batch) => batch),
    ];
    for (const loader of loaders) expectStatistics(await updated(loader), mean, variance);
  });

  it('resets: what the layer held before does not matter, not even NaN', async () => {
    const fake = layer('bn', {});
    fake.statistics = { mean: Float64Array.of(NaN, NaN), variance: Float64Array.of(NaN, NaN) };
    await bnUpdate(BATCHES, modelOf([fake]));
    expect([...fake.statistics.mean, ...fake.statistics.variance].every(Number.isFinite)).toBe(
      true,
    );
  });

  it('returns without touching the loader where there is no batch norm', async () => {
    const loader = { [Symbol.iterator]: vi.fn<() => Iterator<Batch>>() };
    await bnUpdate(loader, modelOf([]));
    await bnUpdate(loader, modelOf([layer('frozen', { trainable: false })]), {
      include: (each) => each.trainable,
    });
    expect(loader[Symbol.iterator]).not.toHaveBeenCalled();
  });

  it('leaves out the layers that it is told to', async () => {
    const [free, frozen] = [layer('free'), layer('frozen', { trainable: false })];
    const model = modelOf([frozen, free]);
    await bnUpdate(BATCHES, model, { include: (each) => each.trainable });
    expect(frozen.statistics.mean[0]).toBe(-7);
    const { mean } = weighed([4, 4, 2], true);
    expect(free.statistics.mean[0]).toBeCloseTo(2 * (mean[0] ?? NaN), 9);
  });

  it('stops after maxBatches and closes the loader', async () => {
    let isClosed = false;
    let read = 0;
    function* loader(): Generator<Batch> {
      try {
        for (const batch of BATCHES) {
          read += 1;
          yield batch;
        }
      } finally {
        isClosed = true;
      }
    }
    const found = await updated(loader(), { maxBatches: 1 });
    expect([read, isClosed]).toEqual([1, true]);
    expect(found.mean[0]).toBeCloseTo(moments(BATCHES[0] ?? [], 1).mean[0] ?? NaN, 12);
    for (const maxBatches of [0, -1, 1.5, NaN]) {
      await expect(updated(BATCHES, { maxBatches })).rejects.toThrow(RangeError);
    }
  });

  it('refuses statistics it does not know', async () => {
    await expect(updated(BATCHES, { statistics: 'exact' as never })).rejects.toThrow(RangeError);
  });
});
