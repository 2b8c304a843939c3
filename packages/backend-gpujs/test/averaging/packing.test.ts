// Many small tensors cost what one of their size costs: a few kernel calls, and a copy on the host.
import { performance } from 'node:perf_hooks';
import { gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { GPU as Gpu } from 'gpu.js';
import { expect, it, vi } from 'vitest';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { moved } from '../updates.js';

/** As many as a large convolutional network has. */
const TENSORS = 160;
const ELEMENTS = 2232;
const ROUNDS = 15;

function weights(tensors: number, elements: number): readonly GpujsTensor[] {
  return Array.from({ length: tensors }, (_, n) => gpujsTensor(new Float32Array(elements).fill(n)));
}

/** Counts the calls of the kernels that are created from now on. */
function countCalls(gpu: Gpu): () => number {
  let count = 0;
  const create = gpu.createKernel.bind(gpu) as (
    source: string,
    settings: object,
  ) => (...args: unknown[]) => unknown;
  vi.spyOn(gpu, 'createKernel').mockImplementation(((source: string, settings: object) => {
    const call = create(source, settings);
    const counted = (...args: unknown[]): unknown => {
      count += 1;
      return call(...args);
    };
    return Object.defineProperty(counted, 'kernel', {
      get: () => (call as unknown as { kernel: unknown }).kernel,
    });
  }) as never);
  return () => count;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

describeModes(TEXTURE_MODES, (_, bench) => {
  it(`calls as many kernels for ${TENSORS} tensors as for one, read at once`, async () => {
    const { backend, gpu } = bench;
    const calls = countCalls(gpu);
    const counts: number[] = [];
    for (const tensors of [1, TENSORS]) {
      // Of a size of their own, so that their kernels are new.
      const live = weights(tensors, 7);
      let averages = await moved(backend, await backend.clone(live), live, 0.5);
      const before = calls();
      averages = await moved(backend, averages, live, 0.5);
      await backend.download(averages);
      await backend.allFinite(live);
      counts.push(calls() - before);
      backend.dispose(averages);
    }
    // The live weights go there, are averaged, and the result is looked at.
    expect(counts).toEqual([3, 3]);
    vi.restoreAllMocks();
  });

  it('uploads live arrays once for averages by several rules', async () => {
    const { backend, gpu } = bench;
    const calls = countCalls(gpu);
    const live = weights(3, 9);
    const update = async (averages: readonly GpujsTensor[]): Promise<readonly GpujsTensor[]> => {
      const items = averages.map((average, n) => ({
        average,
        live: live[n % 3] as GpujsTensor,
        weight: n < 3 ? 0.5 : 0.25,
      }));
      const result = await backend.average(items);
      return result.kind === 'averaged' ? result.items.map(({ average }) => average) : [];
    };
    const first = await update(await backend.clone([...live, ...live]));
    const before = calls();
    const averages = await update(first);
    expect(calls() - before).toBe(5);
    backend.dispose(averages);
    vi.restoreAllMocks();
  });

  it(`takes at most four times as long for ${TENSORS} tensors as for one`, async () => {
    const { backend } = bench;
    const lists = [weights(TENSORS, ELEMENTS), weights(1, TENSORS * ELEMENTS)];
    const times: number[][] = lists.map(() => []);
    const averages = await Promise.all(lists.map(async (live) => backend.clone(live)));
    // In turn, so that whatever slows the machine slows both.
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [n, live] of lists.entries()) {
        const start = performance.now();
        averages[n] = await moved(backend, averages[n] ?? [], live, 0.5);
        await backend.download(averages[n] ?? []);
        times[n]?.push(performance.now() - start);
      }
    }
    const [many = NaN, one = NaN] = times.map(median);
    expect(many / one).toBeLessThan(4);
    backend.dispose(averages.flat());
  });
});
