// A pretended model whose batches are samples of two channels, and whose moments are computed
// plainly.
import type { BatchNormLayer, BatchNormModel, RunningStatistics } from '@polyak/core/interfaces';
import { expect } from 'vitest';

/** A batch of samples with one value for each of two channels. */
export type Batch = readonly (readonly [number, number])[];

/** A layer that keeps its statistics in the open. */
export interface FakeLayer extends BatchNormLayer {
  statistics: RunningStatistics;
}

/** A layer of two channels. */
export function layer(name: string, options: Partial<BatchNormLayer> = {}): FakeLayer {
  const fake: FakeLayer = {
    name,
    identity: {},
    channels: 2,
    trainable: true,
    varianceKind: 'unbiased',
    statistics: { mean: Float64Array.of(-7, -7), variance: Float64Array.of(9, 9) },
    read: () => fake.statistics,
    write(statistics) {
      fake.statistics = statistics;
    },
    ...options,
  };
  return fake;
}

/** The moments of a batch whose values are scaled. */
export function moments(
  batch: Batch,
  scale: number,
): { mean: Float64Array; variance: Float64Array; count: number } {
  const column = (channel: 0 | 1): number[] => batch.map((sample) => sample[channel] * scale);
  const mean = ([0, 1] as const).map(
    (c) => column(c).reduce((sum, value) => sum + value, 0) / batch.length,
  );
  const variance = ([0, 1] as const).map(
    (c) => column(c).reduce((sum, value) => sum + (value - (mean[c] ?? 0)) ** 2, 0) / batch.length,
  );
  return {
    mean: Float64Array.from(mean),
    variance: Float64Array.from(variance),
    count: batch.length,
  };
}

/** A model whose n-th layer sees the batch times n + 1. */
export function modelOf(layers: readonly BatchNormLayer[]): BatchNormModel<Batch> {
  return {
    layers,
    batchMoments: (batch, wanted) => wanted.map((each) => moments(batch, layers.indexOf(each) + 1)),
    sampleCount: (batch) => batch.length,
  };
}

/** Compares statistics with the means and variances of two channels. */
export function expectStatistics(
  found: RunningStatistics,
  mean: readonly number[],
  variance: readonly number[],
): void {
  mean.forEach((value, c) => expect(found.mean[c]).toBeCloseTo(value, 9));
  variance.forEach((value, c) => expect(found.variance[c]).toBeCloseTo(value, 9));
}
