// What stays on the device: as many textures after 1,000 rounds as before, counted where they are made.
import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsBackend, GpujsParameter } from '@polyak/backend-gpujs';
import { observedOptimizer, SWA } from '@polyak/core';
import type { GPU as Gpu, Texture } from 'gpu.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countTextures } from './count-textures.js';
import { GPU, HAS_TEXTURES, isSkipped, MODES } from './modes.js';
import { textureOf } from './textures.js';

const ROUNDS = 1000;
/** The first rounds compile kernels, which keep a few textures of their own. */
const WARM_UP = 10;

describe.each(MODES)('gpujs:%s', (mode) => {
  describe.skipIf(isSkipped(mode))('runs here', () => {
    let gpu: Gpu;
    let backend: GpujsBackend;
    let liveTextures: () => number;
    beforeAll(async () => {
      gpu = new GPU({ mode });
      backend = await gpujsBackend(gpu);
      liveTextures = countTextures(gpu);
    });
    afterAll(async () => gpu.destroy());

    async function expectNothingLeft(params: readonly GpujsParameter[]): Promise<void> {
      const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend });
      const round = async (): Promise<void> => {
        await swa.updateSwa();
        await swa.swapSwaSgd();
        await swa.swapSwaSgd();
      };
      for (let n = 0; n < WARM_UP; n += 1) await round();
      const [held, textures] = [backend.memory(), liveTextures()];
      for (let n = 0; n < ROUNDS; n += 1) await round();
      expect(backend.memory()).toEqual(held);
      expect(liveTextures()).toBe(textures);
      await swa.dispose();
      expect(backend.memory().textures).toBe(0);
    }

    it(`holds as many textures after ${ROUNDS} rounds of an update and two swaps, live weights in arrays`, async () => {
      await expectNothingLeft(
        [5, 0, 300].map((length, n) => gpujsParameter(`p${n}`, new Float32Array(length).fill(n + 1))),
      );
    }, 120_000);

    it.runIf(HAS_TEXTURES.has(mode))(
      'and in textures',
      async () => {
        const textures = [
          await textureOf(gpu, Float32Array.of(1, 2, 3), [3]),
          await textureOf(gpu, new Float32Array(70), [7, 10], true),
        ];
        await expectNothingLeft(textures.map((texture, n) => gpujsParameter(`p${n}`, texture)));
        expect((textures[0] as Texture & { readonly _deleted: boolean })['_deleted']).toBe(false);
      },
      120_000,
    );

    it('keeps no kernel after its release but those whose textures a model holds, which stay readable', async () => {
      const own = await gpujsBackend(gpu);
      const [average] = await own.clone([gpujsParameter('p', Float32Array.of(4)).get()]);
      const moved = await own.average(
        average === undefined ? [] : [average],
        [gpujsParameter('q', Float32Array.of(6)).get()],
        0.5,
      );
      expect(own.memory()).toMatchObject({ tensors: 1, textures: HAS_TEXTURES.has(mode) ? 1 : 0 });
      own.dispose(moved);
      expect(own.memory()).toMatchObject({ tensors: 0, textures: 0 });
      await own.release();
      expect(own.memory().kernels).toBe(0);
      await expect(own.download([])).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
    });

    it.runIf(HAS_TEXTURES.has(mode))('leaves the averages in the model when it is released', async () => {
      const own = await gpujsBackend(gpu);
      const cell = gpujsParameter('p', await textureOf(gpu, Float32Array.of(1, 2), [2]));
      const swa = new SWA(observedOptimizer([{ params: [cell], lr: 0.1 }]), { backend: own });
      await swa.updateSwa();
      const first = cell.get().data as Texture;
      cell.set({ ...cell.get(), data: await textureOf(gpu, Float32Array.of(3, 6), [2]) });
      await swa.updateSwa();
      await swa.swapSwaSgd();
      await own.release();
      expect(await (cell.get().data as Texture).toArray()).toEqual(Float32Array.of(2, 4));
      first.delete();
    });
  });
});
