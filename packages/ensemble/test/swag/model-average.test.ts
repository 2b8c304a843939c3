// Predictions averaged over samples of SWAG: in float64, and refused where they cannot be averaged.
import type { HostTensor } from '@polyak/core/interfaces';
import { SWAG } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { backend, start, visit } from './run.js';

describe('bayesianModelAverage', () => {
  async function ready(): Promise<SWAG<HostTensor>> {
    const run = start();
    await visit(run, 1, 2, 6);
    return run.swag;
  }

  it('averages in float64, also what was predicted in float32', async () => {
    const swag = await ready();
    const predictions = [0.1, 0.2, 0.4].map((value) => Float32Array.of(value));
    let call = 0;
    const mean = await swag.bayesianModelAverage(3, () => predictions[call++] ?? []);
    expect(mean).toBeInstanceOf(Float64Array);
    const exact = predictions.reduce((sum, [value = NaN]) => sum + value, 0) / 3;
    expect(Math.abs((mean[0] ?? NaN) / exact - 1)).toBeLessThan(1e-15);
  });

  it('takes whatever has a length and numbers at its indices', async () => {
    const swag = await ready();
    const predictions = [{ length: 2, 0: 0.5, 1: 1 }, [0.25, 3], Float64Array.of(0, 2)];
    let call = 0;
    const mean = await swag.bayesianModelAverage(3, () => predictions[call++] ?? []);
    expect([...mean]).toEqual([0.25, 2]);
  });

  it('reads predictions while the sample is in the model: a view of it will do', async () => {
    const run = start();
    await visit(run, 1, 2, 6);
    const twin = new SWAG([run.cell], { backend, rank: 3 });
    await twin.loadStateDict(await run.swag.stateDict());
    const mean = await run.swag.bayesianModelAverage(1, () => run.cell.get().data as Float32Array);
    expect([...mean]).toEqual([...((await twin.sample())['w']?.data ?? [])]);
  });

  it.each([0, -1, 1.5, NaN, Infinity])('refuses n = %f', async (n) => {
    const swag = await ready();
    await expect(swag.bayesianModelAverage(n, () => [0])).rejects.toThrow(
      'expected an integer >= 1',
    );
  });

  it('refuses predictions that cannot be averaged', async () => {
    const swag = await ready();
    let length = 0;
    await expect(
      swag.bayesianModelAverage(2, () => new Float32Array((length += 1))),
    ).rejects.toThrow('predict returned 2 numbers for sample 1, but 1 for those before');
    await expect(swag.bayesianModelAverage(2, () => [0.5, NaN])).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('NaN at index 1 for sample 0') as string,
    });
    for (const none of [
      undefined,
      null,
      0.5,
      '0.5',
      { a: 0.5 },
      new DataView(new ArrayBuffer(8)),
    ]) {
      await expect(swag.bayesianModelAverage(2, () => none as never)).rejects.toThrow(
        /predict returned (null|a value of type \w+), expected a list of numbers/,
      );
    }
  });

  it('refuses a loader that can be read once only, at the second sample', async () => {
    const swag = await ready();
    const layer = { name: 'n', channels: 1, trainable: true, varianceKind: 'population' } as const;
    const statistics = { mean: Float64Array.of(0), variance: Float64Array.of(1) };
    const model = {
      layers: [{ ...layer, identity: layer, read: () => statistics, write: () => {} }],
      sampleCount: () => 1,
      batchMoments: () => [{ ...statistics, count: 1 }],
    };
    function* once(): Generator<number> {
      yield 1;
    }
    const loader = once();
    await expect(
      swag.bayesianModelAverage(2, () => [0], { batchNorm: { model, loader } }),
    ).rejects.toMatchObject({
      code: 'ERR_EMPTY_LOADER',
    });
  });
});
