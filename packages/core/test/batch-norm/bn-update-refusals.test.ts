// bnUpdate where the loader, the model or the statistics fail.
import { bnUpdate, PolyakError } from '@polyak/core';
import type { Loader } from '@polyak/core';
import type { BatchNormModel } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { expectStatistics, layer, modelOf } from '../support/sample-batches.js';
import type { Batch, FakeLayer } from '../support/sample-batches.js';

const VALUES = [1, 2, 4, 8, 3, 5, 100, 103, 99, 7.5];
const SAMPLES: Batch = VALUES.map((value, index) => [value, index * index] as const);
const BATCHES = [SAMPLES.slice(0, 4), SAMPLES.slice(4, 8), SAMPLES.slice(8)];

describe('a failing bnUpdate leaves every layer as it was', () => {
  async function refusal(
    model: BatchNormModel<Batch>,
    layers: readonly FakeLayer[],
    loader: Loader<Batch> = BATCHES,
  ): Promise<unknown> {
    const before = layers.map((each) => structuredClone(each.statistics));
    const error: unknown = await bnUpdate(loader, model).catch((thrown: unknown) => thrown);
    expect(layers.map((each) => each.statistics)).toEqual(before);
    return error;
  }

  it('where the loader throws midway', async () => {
    const fake = layer('bn');
    function* loader(): Generator<Batch> {
      yield* BATCHES;
      throw new Error('disk');
    }
    expect(await refusal(modelOf([fake]), [fake], loader())).toMatchObject({ message: 'disk' });
  });

  it('where the loader is empty', async () => {
    const fake = layer('bn');
    expect(await refusal(modelOf([fake]), [fake], [])).toMatchObject({ code: 'ERR_EMPTY_LOADER' });
  });

  it('where the second of two layers cannot be written', async () => {
    const fakes = [layer('first'), layer('second')];
    let failures = 1;
    const second = fakes[1];
    if (second === undefined) throw new Error('no layer');
    const write = second.write.bind(second);
    second.write = (statistics) => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('read-only');
      }
      return write(statistics);
    };
    expect(await refusal(modelOf(fakes), fakes)).toMatchObject({ message: 'read-only' });
  });

  it('where moments are missing, short or not finite, naming layer and channel', async () => {
    const fake = layer('block1.bn');
    const given = (result: unknown): BatchNormModel<Batch> => ({
      ...modelOf([fake]),
      batchMoments: () => result as never,
    });
    const two = Float64Array.of(1, 1);
    expect(await refusal(given([]), [fake])).toMatchObject({ code: 'ERR_BATCH_NORM' });
    expect(
      await refusal(given([{ mean: Float64Array.of(1), variance: two, count: 4 }]), [fake]),
    ).toMatchObject({
      code: 'ERR_BATCH_NORM',
    });
    const error = await refusal(
      given([{ mean: Float64Array.of(1, NaN), variance: two, count: 4 }]),
      [fake],
    );
    expect(PolyakError.is(error) && error.message).toMatch(/batch 0, layer "block1.bn": channel 1/);
    expect(error).toMatchObject({ code: 'ERR_NON_FINITE' });
  });

  it.each([
    ['an infinite variance with a finite mean', [1, 1], [1, Infinity], 'ERR_NON_FINITE'],
    ['a variance of NaN', [1, 1], [NaN, 1], 'ERR_NON_FINITE'],
    ['an infinite mean with a finite variance', [-Infinity, 1], [1, 1], 'ERR_NON_FINITE'],
    ['a variance too few', [1, 1], [1], 'ERR_BATCH_NORM'],
    ['a variance too many', [1, 1], [1, 1, 1], 'ERR_BATCH_NORM'],
  ] as const)('where a layer is given %s', async (_, mean, variance, code) => {
    const fake = layer('bn');
    const given = {
      mean: Float64Array.from(mean),
      variance: Float64Array.from(variance),
      count: 4,
    };
    const model = { ...modelOf([fake]), batchMoments: () => [given] };
    expect(await refusal(model, [fake])).toMatchObject({ code });
  });

  it.each([Infinity, NaN, -1, 0])('where a batch has %d samples', async (samples) => {
    const fake = layer('bn');
    expect(await refusal({ ...modelOf([fake]), sampleCount: () => samples }, [fake])).toMatchObject(
      {
        code: 'ERR_BATCH_NORM',
        message: expect.stringContaining(`batch 0 has ${samples} samples`) as string,
      },
    );
  });

  it('where one value a channel has no unbiased variance, or a batch no samples', async () => {
    const fake = layer('bn');
    expect(await refusal(modelOf([fake]), [fake], [[[1, 2]]])).toMatchObject({
      code: 'ERR_BATCH_NORM',
    });
    expect(await refusal(modelOf([fake]), [fake], [[]])).toMatchObject({ code: 'ERR_BATCH_NORM' });
    const single = layer('bn', { varianceKind: 'population' });
    await bnUpdate([[[1, 2]]], modelOf([single]));
    expectStatistics(single.statistics, [1, 2], [0, 0]);
  });
});
