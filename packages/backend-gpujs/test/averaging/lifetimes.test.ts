// What stays on the device: as many textures after 1,000 rounds as before, counted where they are
// made.
import { gpujsBackend, gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsParameter } from '@polyak/backend-gpujs';
import { AveragedModel } from '@polyak/core';
import type { Texture } from 'gpu.js';
import { expect, it } from 'vitest';
import { countTextures } from '../count-textures.js';
import type { Bench } from '../../../../tests/support/gpujs/describe-modes.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { MODES, TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { textureOf } from '../textures.js';
import { moved } from '../updates.js';

const ROUNDS = 1000;
/** The first rounds compile kernels, which keep a few textures of their own. */
const WARM_UP = 10;
const PATIENCE = 120_000;

async function expectNothingLeft(
  { gpu, backend }: Bench,
  parameters: readonly GpujsParameter[],
): Promise<void> {
  const count = countTextures(gpu);
  const average = new AveragedModel(parameters, { backend });
  const rounds = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) {
      await average.update();
      await average.swap();
      await average.swap();
    }
  };
  await rounds(WARM_UP);
  const [held, textures] = [backend.memory(), count()];
  await rounds(ROUNDS);
  expect(backend.memory()).toEqual(held);
  expect(count()).toBe(textures);
  await average.dispose();
  expect(backend.memory().tensors).toBe(0);
}

describeModes(MODES, (_, bench) => {
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
    const count = countTextures(bench.gpu);
    const backend = await gpujsBackend(bench.gpu);
    const [live, other] = [gpujsTensor(Float32Array.of(4)), gpujsTensor(Float32Array.of(6))];
    const averages = await moved(backend, await backend.clone([live]), [other], 0.5);
    expect(backend.memory()).toMatchObject({ tensors: 1, bytes: 4 });
    backend.dispose(averages);
    expect(() => backend.dispose(averages)).toThrow('was disposed of');
    expect(backend.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    await backend.release();
    expect(backend.memory().kernels).toBe(0);
    expect(count()).toBe(0);
    await expect(async () => backend.download([])).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
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
      const parameters = textures.map((texture, n) => gpujsParameter(`p${n}`, texture));
      await expectNothingLeft(bench, parameters);
      const [first] = await bench.backend.download(parameters.map((each) => each.get()));
      expect(first?.data).toEqual(Float32Array.of(1, 2, 3));
    },
    PATIENCE,
  );

  it('keeps an average while the model shows it, and deletes it then', async () => {
    const { backend, gpu } = bench;
    const texture = await textureOf(gpu, Float32Array.of(1, 2), [2]);
    const cell = gpujsParameter('p', texture.clone());
    const count = countTextures(gpu);
    // A kernel keeps its last result, so that of the second call too.
    const [shown, other] = await backend.clone([cell.get(), cell.get()]);
    if (shown === undefined || other === undefined) throw new Error('unreachable');
    const held = await backend.swap([cell], [shown]);
    const read = async (): Promise<unknown> => (cell.get().data as Texture).toArray();
    await read(); // On webgpu the first read makes a buffer for the next ones.
    const before = count();
    backend.dispose([shown]);
    expect(count()).toBe(before);
    expect(await read()).toEqual(Float32Array.of(1, 2));
    cell.set(gpujsTensor(texture));
    expect(count()).toBe(before - 1);
    backend.dispose([other, ...held]);
  });

  it('leaves the kernels of the model as they are when it is released', async () => {
    const kernel = bench.gpu.createKernel('function (a) { return a[this.thread.x]; }', {
      output: [2],
      precision: 'single',
      tactic: 'precision',
      pipeline: true,
      immutable: true,
    });
    const cell = gpujsParameter('p', (await kernel(Float32Array.of(1, 2))) as Texture);
    const backend = await gpujsBackend(bench.gpu);
    const average = new AveragedModel([cell], { backend });
    await average.update();
    await average.dispose();
    await backend.release();
    const results = [
      (await kernel(Float32Array.of(3, 4))) as Texture,
      (await kernel(Float32Array.of(5, 6))) as Texture,
    ];
    expect(await Promise.all(results.map((result) => result.toArray()))).toEqual([
      Float32Array.of(3, 4),
      Float32Array.of(5, 6),
    ]);
  });

  it('leaves the averages in the model when it is released', async () => {
    const backend = await gpujsBackend(bench.gpu);
    const cell = gpujsParameter('p', await textureOf(bench.gpu, Float32Array.of(1, 2), [2]));
    const average = new AveragedModel([cell], { backend });
    await average.update();
    cell.set(gpujsTensor(await textureOf(bench.gpu, Float32Array.of(3, 6), [2])));
    await average.update();
    await average.swap();
    await backend.release();
    expect(await (cell.get().data as Texture).toArray()).toEqual(Float32Array.of(2, 4));
  });
});
