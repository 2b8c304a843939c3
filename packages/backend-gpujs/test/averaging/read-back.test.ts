// What comes back to the host: one word for each item of an update or of a check.
import { gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { GPU, Texture } from 'gpu.js';
import { afterEach, expect, it, vi } from 'vitest';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { textureOf } from '../textures.js';
import { deleteTextures, moved } from '../updates.js';

/** Of less than a run, of a few runs, and of more runs than one thread adds up. */
const LENGTHS = [5, 0, 700, 70_003];

const arrays = LENGTHS.map((length, n) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i + 100 * n)),
);

/** The number of elements that textures give to the host, from now on. */
async function countReads(gpu: GPU): Promise<() => number> {
  const probes = [true, false].map(async (dense) =>
    textureOf(gpu, new Float32Array(4), [4], dense),
  );
  let count = 0;
  const seen = new Set<object>();
  for (const probe of await Promise.all(probes)) {
    const prototype = Object.getPrototypeOf(probe) as Texture;
    const toArray = prototype.toArray;
    probe.delete();
    if (seen.has(prototype)) continue;
    seen.add(prototype);
    vi.spyOn(prototype, 'toArray').mockImplementation(function (this: Texture) {
      const { output } = this as unknown as { readonly output: ArrayLike<number> };
      count += Array.from(output).reduce((product, extent) => product * extent, 1);
      return toArray.call(this);
    });
  }
  return () => count;
}

describeModes(TEXTURE_MODES, (_, bench) => {
  afterEach(() => void vi.restoreAllMocks());

  it('is one word for each tensor, live weights in arrays', async () => {
    const { backend, gpu } = bench;
    const live = arrays.map((array) => gpujsTensor(array));
    const first = await moved(backend, await backend.clone(live), live, 0.5);
    const reads = await countReads(gpu);
    const averages = await moved(backend, first, live, 0.5);
    expect(reads()).toBe(3);
    backend.dispose(averages);
  });

  it('is one word for each tensor, live weights in textures, and nothing in a swap', async () => {
    const { backend, gpu } = bench;
    const shown = arrays.filter(({ length }) => length > 0);
    const live: GpujsTensor[] = [];
    for (const array of shown) {
      live.push(gpujsTensor(await textureOf(gpu, array, [array.length])));
    }
    const reads = await countReads(gpu);
    const averages = await moved(backend, await backend.clone(live), live, 0.5);
    expect(reads()).toBe(3);
    expect(await backend.allFinite(live)).toEqual([true, true, true]);
    expect(reads()).toBe(6);
    const cells = live.map(({ data }, n) => gpujsParameter(`p${n}`, (data as Texture).clone()));
    const held = await backend.swap(cells, averages);
    backend.dispose([...(await backend.swap(cells, held)), ...held, ...averages]);
    expect(reads()).toBe(6);
    deleteTextures([...live, ...cells.map((cell) => cell.get())]);
  });
});
