// withAveraged: what it passes on to the batch-norm update, what it puts back, and what it throws.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { BatchNormLayer, HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { fakeLayer, fakeModel } from '../support/batch-norm.js';
import { Faults, faulty } from '../support/faults.js';
import { fill, read, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

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
    const [free, frozen] = [fakeLayer('free', true), fakeLayer('frozen', false)];
    const model = fakeModel([free, frozen]);
    const loader = [1, 3, 100];
    const means = async (options: object): Promise<unknown[]> =>
      swa.withAveraged(() => [free, frozen].map(({ statistics }) => statistics.mean[0]), {
        batchNorm: { model, loader, ...options },
      });
    expect(await means({ maxBatches: 2 })).toEqual([2.5, 2.5]);
    expect(await means({ maxBatches: 2, statistics: 'unweighted' })).toEqual([2, 2]);
    expect(
      await means({ maxBatches: 1, include: (each: BatchNormLayer) => each.trainable }),
    ).toEqual([1, -1]);
  });

  it('puts back also the statistics of layers that the update leaves out', async () => {
    const { swa } = await averaged();
    const [free, frozen] = [fakeLayer('free', true), fakeLayer('frozen', false)];
    const batchNorm = { model: fakeModel([free, frozen]), loader: [1], include: () => false };
    await swa.withAveraged(
      () => {
        const other = { mean: Float64Array.of(50), variance: Float64Array.of(50) };
        for (const each of [free, frozen]) each.statistics = other;
      },
      { batchNorm },
    );
    for (const { statistics } of [free, frozen]) {
      expect(statistics).toEqual({ mean: Float64Array.of(-1), variance: Float64Array.of(7) });
    }
  });
});

describe('withAveraged that fails', () => {
  it('gives both errors where the function throws and the swap back too', async () => {
    const cell = weights('w', [1]);
    let swaps = 0;
    const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), {
      backend: {
        ...backend,
        async swap(parameters, tensors) {
          swaps += 1;
          if (swaps > 1) throw new Error('device lost');
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
    expect(swa.isSwapped).toBe(true);
  });

  it('gives the error of the swap back alone where the function succeeded', async () => {
    const cell = weights('w', [1]);
    const faults = new Faults();
    const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), { backend: faulty(backend, faults) });
    fill(cell, 2);
    await swa.updateSwa();
    fill(cell, 5);
    const failed = swa.withAveraged(() => {
      faults.fails = (call) => call === 'swap';
    });
    await expect(failed).rejects.toThrow('swap failed');
    faults.fails = () => false;
    await swa.updateSwa();
    expect(read(cell)).toEqual([5]);
    expect(swa.paramGroups[0]?.nAvg).toBe(2);
  });
});
