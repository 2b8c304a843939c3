// Where gpu.js gives a wrong result and says nothing: each of its traps that an update comes near.
import { gpujsBackend, gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import { AveragedModel } from '@polyak/core';
import type { Texture } from 'gpu.js';
import { expect, it } from 'vitest';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { GPU, MODES, TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { textureOf } from '../textures.js';
import { deleteTextures, moved } from '../updates.js';

const filled = (length: number, value: number): GpujsTensor =>
  gpujsTensor(new Float32Array(length).fill(value));

describeModes(MODES, (_, bench) => {
  /** One update of averages that are all 1 towards weights that are all 3, by a half. */
  async function half(
    lengths: readonly number[],
    averages: readonly GpujsTensor[],
  ): Promise<readonly GpujsTensor[]> {
    return moved(
      bench.backend,
      averages,
      lengths.map((length) => filled(length, 3)),
      0.5,
    );
  }

  it('1: computes with arrays, then textures, of one length, as if each came first', async () => {
    for (const length of [5, 9, 5, 4, 9]) {
      let averages = await bench.backend.clone([filled(length, 1)]);
      averages = await half([length], averages); // an array becomes a texture
      averages = await half([length], averages); // and the next argument is one
      const [found] = await bench.backend.download(averages);
      expect(found?.data).toEqual(new Float32Array(length).fill(2.5));
      bench.backend.dispose(averages);
    }
  });

  it('2: gives a result the length that it has now, whatever it had before', async () => {
    for (const lengths of [[3], [300, 7], [2], [1, 1, 1], [299, 8]]) {
      const averages = await half(
        lengths,
        await bench.backend.clone(lengths.map((length) => filled(length, 1))),
      );
      const found = await bench.backend.download(averages);
      expect(found.map(({ data }) => data)).toEqual(
        lengths.map((length) => new Float32Array(length).fill(2)),
      );
      bench.backend.dispose(averages);
    }
  });

  it('5: refuses an array whose length differs from its shape, before gpu.js sees it', async () => {
    for (const length of [5, 7]) {
      const averages = await bench.backend.clone([filled(6, 1)]);
      const live = gpujsTensor(new Float32Array(length), [2, 3]);
      const refused = {
        code: 'ERR_PARAMETERS',
        message: expect.stringContaining(`float32[2,3], has ${length} elements`) as string,
      };
      await expect(moved(bench.backend, averages, [live], 0.5)).rejects.toMatchObject(refused);
      await expect(async () => bench.backend.clone([live])).rejects.toMatchObject(refused);
      const cell = gpujsParameter('conv1.weight', new Float32Array(length), [2, 3]);
      const other = gpujsTensor(new Float32Array(6), [2, 3]);
      await expect(async () => bench.backend.swap([cell], [other])).rejects.toMatchObject({
        message: expect.stringContaining('"conv1.weight"') as string,
      });
      bench.backend.dispose(averages);
    }
  });

  it('refuses what is neither an array nor a texture', async () => {
    const numbers = { dtype: 'float32', shape: [2], data: [1, 2] } as unknown as GpujsTensor;
    const message = 'a plain array, expected a Float32Array or a texture';
    const { backend } = bench;
    await expect(async () => backend.clone([numbers])).rejects.toThrow(message);
    expect(() => gpujsTensor([1, 2] as never)).toThrow(message);
    expect(() => gpujsParameter('w', [1, 2] as never)).toThrow(`"w" is ${message}`);
    const custom = { name: 'w', identity: {}, get: () => numbers, set: () => undefined };
    expect(() => new AveragedModel([custom], { backend })).toThrow(message);
    for (const nothing of [undefined, null, 3, {}] as unknown[]) {
      const live = nothing as GpujsTensor;
      await expect(async () => backend.clone([live])).rejects.toThrow(TypeError);
    }
  });
});

describeModes(TEXTURE_MODES, (mode, bench) => {
  it('refuses a slice of another backend', async () => {
    const foreign = await gpujsBackend({ GPU, mode });
    const averages = await foreign.clone([filled(3, 1)]);
    const slices = await moved(foreign, averages, [filled(3, 3)], 0.5);
    await expect(async () => bench.backend.download(slices)).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
    });
    foreign.dispose(slices);
    await foreign.release();
  });

  const texture = async (
    data: ArrayLike<number>,
    shape?: readonly number[],
    isDense?: boolean,
  ): Promise<Texture> =>
    textureOf(bench.gpu, Float32Array.from(data), shape ?? [data.length], isDense);

  it('1: computes with textures of one layout after the other', async () => {
    const six = [1, 2, 3, 4, 5, 6];
    for (const isDense of [false, true, false]) {
      for (const shape of [[6], [2, 3], [3, 2], [1, 2, 3], [6]]) {
        const live = gpujsTensor(await texture(six, shape, isDense));
        // From the host, as after a state was loaded, and then from the device.
        let averages: readonly GpujsTensor[] = bench.backend.upload([
          { dtype: 'float32', shape, data: new Float32Array(6) },
        ]);
        for (const expected of [0.5, 0.75]) {
          averages = await moved(bench.backend, averages, [live], 0.5);
          const [found] = await bench.backend.download(averages);
          expect(found).toEqual({
            dtype: 'float32',
            shape,
            data: Float32Array.from(six, (value) => value * expected),
          });
        }
        bench.backend.dispose(averages);
        deleteTextures([live]);
      }
    }
  });

  // Their loops end after 1,000 rounds unless the bound is a constant, and on some drivers after
  // 65,535.
  it.each([false, true])(
    '3, 4: finds NaN behind the last round that loops of gpu.js and of drivers make (%s)',
    async (isDense) => {
      const [length, places] = [300_001, [0, 255, 256, 999, 1000, 1001, 65_535, 65_536, 300_000]];
      const tensors = await Promise.all(
        [...places, undefined].map(async (bad) =>
          gpujsTensor(
            await texture(
              Float32Array.from({ length }, (_, n) => (n === bad ? NaN : 3e38)),
              [length],
              isDense,
            ),
          ),
        ),
      );
      expect(await bench.backend.allFinite(tensors)).toEqual([...places.map(() => false), true]);
      deleteTextures(tensors);
    },
  );

  it('3, 4: finds infinities in textures of all ranks', async () => {
    for (const shape of [
      [35, 40],
      [5, 7, 40],
    ]) {
      const data = Float32Array.from({ length: 1400 }, () => 1);
      const good = gpujsTensor(await texture(data, shape));
      data[1399] = -Infinity;
      const bad = gpujsTensor(await texture(data, shape));
      expect(await bench.backend.allFinite([good, bad])).toEqual([true, false]);
      deleteTextures([good, bad]);
    }
  });

  it('5: refuses a texture of another length', async () => {
    const live = gpujsTensor(await texture([1, 2, 3]), [2, 2]);
    await expect(async () => bench.backend.allFinite([live])).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
    });
    deleteTextures([live]);
  });

  it('refuses a texture that was deleted, with which gpu.js may go on computing', async () => {
    const live = await texture([1, 2, 3]);
    const averages = await bench.backend.clone([gpujsTensor(live)]);
    live.delete();
    await expect(moved(bench.backend, averages, [gpujsTensor(live)], 0.5)).rejects.toMatchObject({
      code: 'ERR_DISPOSED',
    });
    expect((await bench.backend.download(averages))[0]?.data).toEqual(Float32Array.of(1, 2, 3));
    bench.backend.dispose(averages);
  });

  it('clones elements that gpu.js shares with a kernel that overwrites its result', async () => {
    const kernel = bench.gpu.createKernel('function (a) { return a[this.thread.x]; }', {
      output: [3],
      precision: 'single',
      pipeline: true,
    });
    const run = async (...values: number[]): Promise<GpujsTensor> =>
      gpujsTensor((await kernel(values)) as Texture);
    const averages = await bench.backend.clone([await run(1, 2, 3)]);
    const live = await run(7, 8, 9);
    expect((await bench.backend.download(averages))[0]?.data).toEqual(Float32Array.of(1, 2, 3));
    const next = await moved(bench.backend, averages, [live], 0.5);
    expect((await bench.backend.download(next))[0]?.data).toEqual(Float32Array.of(4, 5, 6));
    bench.backend.dispose(next);
  });

  it('gives a model textures its kernels go on with, and arrays where it had arrays', async () => {
    const double = bench.gpu.createKernel(
      'function (w) { return w[this.thread.y][this.thread.x] * 2; }',
      {
        output: [3, 2],
        precision: 'single',
      },
    );
    const matrix = gpujsParameter('matrix', await texture([1, 2, 3, 4, 5, 6], [2, 3]));
    const array = Float32Array.of(1, 2);
    const vector = gpujsParameter('vector', array);
    await double(matrix.get().data as Texture);
    const live = matrix.get().data;
    // From a state that was loaded, and from an update.
    const loaded = bench.backend.upload([
      { dtype: 'float32', shape: [2, 3], data: new Float32Array(6).fill(10) },
      { dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) },
    ]);
    const held = await bench.backend.swap([matrix, vector], loaded);
    expect((await bench.backend.download(held)).map(({ data }) => data)).toEqual([
      Float32Array.of(1, 2, 3, 4, 5, 6),
      Float32Array.of(1, 2),
    ]);
    expect(vector.get().data).toBe(array);
    expect(array).toEqual(Float32Array.of(3, 4));
    const row = Float32Array.of(20, 20, 20);
    expect(await double(matrix.get().data as Texture)).toEqual([row, row]);
    expect(matrix.get().data).toHaveProperty(
      'type',
      (live as Texture & { readonly type: string }).type,
    );
    bench.backend.dispose([...held, ...loaded]);
    deleteTextures([matrix.get()]);
  });

  it('refuses textures whose elements are no single numbers', async () => {
    const pairs = bench.gpu.createKernel('function () { return [1, 2]; }', {
      output: [3],
      precision: 'single',
      pipeline: true,
    });
    const tensor = gpujsTensor((await pairs()) as Texture);
    await expect(async () => bench.backend.clone([tensor])).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
  });
});

describeModes(['headlessgl'], (_, bench) => {
  // All webgpu instances share one device.
  it('refuses a texture of another GPU', async () => {
    const other = new GPU({ mode: 'headlessgl' });
    const live = gpujsTensor(await textureOf(other, Float32Array.of(1, 2), [2]));
    await expect(async () => bench.backend.clone([live])).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
    });
    await other.destroy();
  });
});
