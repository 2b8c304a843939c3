// What stays on the device: as many textures after 1,000 rounds as before, counted where they are
// made.
import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsParameter } from '@polyak/backend-gpujs';
import { observedOptimizer, SWA } from '@polyak/core';
import type { Texture } from 'gpu.js';
import { expect, it } from 'vitest';
import { countTextures } from '../count-textures.js';
import type { Bench } from '../../../../tests/support/gpujs/describe-modes.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { MODES, TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { textureOf } from '../textures.js';

const ROUNDS = 1000;
/** The first rounds compile kernels, which keep a few textures of their own. */
const WARM_UP = 10;
const PATIENCE = 120_000;

async function expectNothingLeft(
  { gpu, backend }: Bench,
  params: readonly GpujsParameter[],
): Promise<void> {
  const count = countTextures(gpu);
  const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend });
  const rounds = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) {
      await swa.updateSwa();
      await swa.swapSwaSgd();
      await swa.swapSwaSgd();
    }
  };
  await rounds(WARM_UP);
  const [held, textures] = [backend.memory(), count()];
  await rounds(ROUNDS);
  expect(backend.memory()).toEqual(held);
  expect(count()).toBe(textures);
  await swa.dispose();
  expect(backend.memory().textures).toBe(0);
}

describeModes(MODES, (mode, bench) => {
  it(
    `holds as many textures after ${ROUNDS} rounds, live weights in arrays`,
    async () => {
      const arrays = [5, 0, 300].map((length, n) => new Float32Array(length).fill(n + 1));
      await expectNothingLeft(
        bench,
        arrays.map((array, n) => gpujsParameter(`p${n}`, array)),
      );
    },
    PATIENCE,
  );

  it('has freed all when all is disposed of, and keeps no kernel after its release', async () => {
    const backend = await gpujsBackend(bench.gpu);
    const [live, other] = [4, 6].map((value) => gpujsParameter('p', Float32Array.of(value)).get());
    if (live === undefined || other === undefined) throw new Error('unreachable');
    const averages = await backend.average(await backend.clone([live]), [other], 0.5);
    expect(backend.memory()).toMatchObject({
      tensors: 1,
      textures: mode === 'cpu' || mode === 'webasm' ? 0 : 1,
    });
    backend.dispose(averages);
    backend.dispose(averages);
    expect(backend.memory()).toMatchObject({ tensors: 0, textures: 0 });
    await backend.release();
    expect(backend.memory().kernels).toBe(0);
    await expect(backend.download([])).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });
});

describeModes(TEXTURE_MODES, (_, bench) => {
  it(
    `holds as many textures after ${ROUNDS} rounds, live weights in textures`,
    async () => {
      const textures = [
        await textureOf(bench.gpu, Float32Array.of(1, 2, 3), [3]),
        await textureOf(bench.gpu, new Float32Array(70), [7, 10], true),
      ];
      await expectNothingLeft(
        bench,
        textures.map((texture, n) => gpujsParameter(`p${n}`, texture)),
      );
      expect(await textures[0]?.toArray()).toEqual(Float32Array.of(1, 2, 3));
    },
    PATIENCE,
  );

  it('leaves the averages in the model when it is released', async () => {
    const backend = await gpujsBackend(bench.gpu);
    const cell = gpujsParameter('p', await textureOf(bench.gpu, Float32Array.of(1, 2), [2]));
    const swa = new SWA(observedOptimizer([{ params: [cell], lr: 0.1 }]), { backend });
    await swa.updateSwa();
    cell.set({ ...cell.get(), data: await textureOf(bench.gpu, Float32Array.of(3, 6), [2]) });
    await swa.updateSwa();
    await swa.swapSwaSgd();
    await backend.release();
    expect(await (cell.get().data as Texture).toArray()).toEqual(Float32Array.of(2, 4));
  });
});
