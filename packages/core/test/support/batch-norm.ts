// Batch norm of a pretended model, whose layers keep their statistics where tests see them.
import type { BatchNormLayer, BatchNormModel, RunningStatistics } from '@polyak/core/interfaces';

/** A layer that keeps its statistics in the open. */
export interface FakeLayer extends BatchNormLayer {
  statistics: RunningStatistics;
}

/** A layer of one channel, with mean -1 and variance 7. */
export function fakeLayer(name: string, trainable = true): FakeLayer {
  const layer: FakeLayer = {
    name,
    identity: {},
    channels: 1,
    trainable,
    varianceKind: 'population',
    statistics: { mean: Float64Array.of(-1), variance: Float64Array.of(7) },
    read: () => layer.statistics,
    write(statistics) {
      layer.statistics = statistics;
    },
  };
  return layer;
}

/** A model in which a batch is its mean, of as many samples. */
export function fakeModel(layers: readonly BatchNormLayer[]): BatchNormModel<number> {
  return {
    layers,
    sampleCount: (batch) => batch,
    batchMoments: (batch, wanted) =>
      wanted.map(() => ({ mean: Float64Array.of(batch), variance: Float64Array.of(1), count: 10 })),
  };
}
