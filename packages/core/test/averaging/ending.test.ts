// How a run ends: with its live weights, or with an average in the model for good.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, observedOptimizer, SWA } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';

const backend = cpuBackend();

async function run() {
  const data = Float32Array.of(1, 2);
  const before = backend.memory();
  const params = [parameter('w', { dtype: 'float32', shape: [2], data })];
  const swa = new SWA<HostTensor>(observedOptimizer([{ params, lr: 0.1 }]), { backend });
  await swa.updateSwa();
  data.set([3, 4]);
  await swa.updateSwa();
  return { data, params, swa, before };
}

describe('dispose', () => {
  it('keeps the average that is in the model, and frees the live copy', async () => {
    const { data, params, swa, before } = await run();
    await swa.swapSwaSgd();
    await swa.dispose({ keep: 'averages' });
    expect([...data]).toEqual([2, 3]);
    expect(backend.memory()).toEqual(before);
    // Nobody holds the weights any more.
    const next = new AveragedModel(params, { backend });
    await next.update();
    await next.dispose();
  });

  it('is what isDisposed says', async () => {
    const { swa } = await run();
    expect(swa.isDisposed).toBe(false);
    await swa.dispose();
    expect(swa.isDisposed).toBe(true);
  });

  it('keeps an average that was left in the model', async () => {
    const { data, swa, before } = await run();
    expect(swa.isRecallable).toBe(false);
    for (let n = 0; n < 2; n += 1) {
      await swa.swapSwaSgd();
      expect(swa.isRecallable).toBe(false);
    }
    await swa.swapSwaSgd({ recallable: true });
    expect(swa.isRecallable).toBe(true);
    await swa.dispose({ keep: 'averages' });
    expect([...data]).toEqual([2, 3]);
    expect(backend.memory()).toEqual(before);
  });

  it('keeps the live weights unless told otherwise', async () => {
    const { data, swa } = await run();
    await swa.swapSwaSgd();
    await expect(swa.dispose()).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
    await swa.swapSwaSgd();
    await swa.dispose({ keep: 'live' });
    expect([...data]).toEqual([3, 4]);
  });

  it('refuses to keep an average where none is in the model, and another word', async () => {
    const { swa } = await run();
    await expect(swa.dispose({ keep: 'averages' })).rejects.toMatchObject({
      code: 'ERR_NO_AVERAGES',
    });
    await expect(swa.dispose({ keep: 'both' as never })).rejects.toThrow('keep is "both"');
    expect(swa.isSwapped).toBe(false);
    await swa.swapSwaSgd();
  });

  it('is refused inside withAveraged', async () => {
    const { data, swa } = await run();
    await swa.withAveraged(async () => {
      await expect(swa.dispose({ keep: 'averages' })).rejects.toMatchObject({
        code: 'ERR_SWAPPED',
      });
    });
    expect([...data]).toEqual([3, 4]);
  });
});
