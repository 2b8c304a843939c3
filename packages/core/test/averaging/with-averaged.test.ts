// withAveraged: what it passes on to the batch-norm update, what it puts back, and what it throws.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type {
  BatchNormLayer,
  BatchNormModel,
  HostTensor,
  Parameter,
  RunningStatistics,
} from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { fill, read, sgd, weights } from '../../../tests/support/sgd.js';

const backend = cpuBackend();

interface FakeLayer extends BatchNormLayer {
  statistics: RunningStatistics;
}

function layer(name: string, trainable: boolean): FakeLayer {
  const fake: FakeLayer = {
    name,
    channels: 1,
    trainable,
    varianceKind: 'population',
    statistics: { mean: Float64Array.of(-1), variance: Float64Array.of(7) },
    read: () => fake.statistics,
    write(statistics) {
      fake.statistics = statistics;
    },
  };
  return fake;
}

/** A batch is its mean, of as many samples. */
function modelOf(layers: readonly BatchNormLayer[]): BatchNormModel<number> {
  return {
    layers,
    sampleCount: (batch) => batch,
    batchMoments: (batch, wanted) =>
      wanted.map(() => ({ mean: Float64Array.of(batch), variance: Float64Array.of(1), count: 10 })),
  };
}

/** An SWA whose average is 2 while the model holds 5. */
async function averaged(): Promise<{ swa: SWA<HostTensor>; cell: Parameter<HostTensor> }> {
  const cell = weights('w', [1]);
  const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), { backend });
  fill(cell, 2);
  await swa.updateSwa();
  fill(cell, 5);
  return { swa, cell };
}

describe('withAveraged with batch norm', () => {
  it('passes on statistics, maxBatches and include', async () => {
    const { swa } = await averaged();
    const [free, frozen] = [layer('free', true), layer('frozen', false)];
    const model = modelOf([free, frozen]);
    const loader = [1, 3, 100];
    const means = async (options: object): Promise<unknown[]> =>
      swa.withAveraged(() => [free, frozen].map(({ statistics }) => statistics.mean[0]), {
        model,
        loader,
        ...options,
      });
    expect(await means({ maxBatches: 2 })).toEqual([2.5, 2.5]);
    expect(await means({ maxBatches: 2, statistics: 'unweighted' })).toEqual([2, 2]);
    expect(
      await means({ maxBatches: 1, include: (each: BatchNormLayer) => each.trainable }),
    ).toEqual([1, -1]);
  });

  it('puts back also the statistics of layers that the update leaves out', async () => {
    const { swa } = await averaged();
    const [free, frozen] = [layer('free', true), layer('frozen', false)];
    const batchNorm = { model: modelOf([free, frozen]), loader: [1], include: () => false };
    await swa.withAveraged(() => {
      const other = { mean: Float64Array.of(50), variance: Float64Array.of(50) };
      for (const each of [free, frozen]) each.statistics = other;
    }, batchNorm);
    for (const { statistics } of [free, frozen]) {
      expect(statistics).toEqual({ mean: Float64Array.of(-1), variance: Float64Array.of(7) });
    }
  });
});

describe('withAveraged that fails', () => {
  it('leaves the live weights in a usable model where onWarning throws', async () => {
    const [a, b] = [weights('a', [1]), weights('b', [1])];
    const swa = new SWA(
      sgd([
        { params: [a], lr: 0.1 },
        { params: [b], lr: 0.1 },
      ]),
      {
        backend,
        onWarning(message) {
          throw new Error(message);
        },
      },
    );
    const [group] = swa.paramGroups;
    if (group === undefined) throw new Error('no group');
    fill(a, 2);
    await swa.updateSwaGroup(group);
    fill(a, 5);
    for (const call of [async () => swa.withAveraged(() => 0), async () => swa.swapSwaSgd()]) {
      await expect(call()).rejects.toThrow('"b" was never averaged');
      expect(swa.isSwapped).toBe(false);
      expect(read(a)).toEqual([5]);
    }
    await swa.updateSwa();
    expect(await swa.withAveraged(() => read(a))).toEqual([3.5]);
  });

  it('gives both errors where the function throws and the swap back too', async () => {
    const cell = weights('w', [1]);
    let swaps = 0;
    const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), {
      backend: {
        ...backend,
        async swap(parameters, tensors) {
          swaps += 1;
          if (swaps === 2) throw new Error('device lost');
          return backend.swap(parameters, tensors);
        },
      },
    });
    fill(cell, 2);
    await swa.updateSwa();
    fill(cell, 5);
    const error: unknown = await swa
      .withAveraged(() => {
        throw new Error('no test data');
      })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(String)).toEqual([
      'Error: no test data',
      'Error: device lost',
    ]);
    expect((error as AggregateError).cause).toMatchObject({ message: 'no test data' });
    expect(swa.isSwapped).toBe(true);
  });

  it('gives the error of the swap back alone where the function succeeded', async () => {
    const { swa, cell } = await averaged();
    const failed = swa.withAveraged(() => {
      Reflect.set(cell, 'get', () => ({ dtype: 'float32', shape: [2], data: new Float32Array(2) }));
    });
    await expect(failed).rejects.toMatchObject({ name: 'PolyakError', code: 'ERR_PARAMETERS' });
  });
});
