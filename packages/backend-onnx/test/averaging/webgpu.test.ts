// The webgpu provider: on a GPU, or on the software adapter of Debian's chromium with libvulkan1.
// POLYAK_REQUIRE_WEBGPU=1 makes the absence of an adapter a failure.
import { existsSync } from 'node:fs';
import process from 'node:process';
import { hostKernels } from '@polyak/backend-cpu/host';
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { OnnxBackend } from '@polyak/backend-onnx';
import { observedOptimizer, SWA } from '@polyak/core';
import type { HostArray, HostTensor } from '@polyak/core/interfaces';
import { backendConformance } from '@polyak/core/conformance';
import * as ort from 'onnxruntime-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  ASYNCHRONOUS,
  declareConformance,
  NO_HALF,
  NO_VIEWS,
  ON_SOFTWARE,
  ONE_PARAMETER,
} from '../../../../tests/support/conformance.js';
import { harnessOn } from './harness.js';
import { identity } from './identity.js';
import { averaged, bitsOf, compensated, manyMagnitudes } from './rounding.js';
import { spyOnRuns } from './runs.js';
import { itemsOf, statesOf, update } from './tensors.js';

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
// Vulkan's loader reads it when the first session is made. Each test file has a process of its own.
if (existsSync(SWIFTSHADER)) process.env['VK_ICD_FILENAMES'] ??= SWIFTSHADER;

const executionProviders = ['webgpu'] as const;
const reason = await onnxBackend(ort, { executionProviders }).then(
  async (backend) => backend.release(),
  (error: Error) => error.message,
);
const isRequired = process.env['POLYAK_REQUIRE_WEBGPU'] === '1';
if (reason !== undefined) console.warn(`Skipped: ${reason}`);

it.runIf(isRequired || reason === undefined)('has a WebGPU adapter', () => {
  expect(reason).toBeUndefined();
});

describe.skipIf(reason !== undefined)('onnx:webgpu', () => {
  declareConformance(backendConformance(harnessOn('webgpu'), ON_SOFTWARE), [
    NO_HALF,
    NO_VIEWS,
    ASYNCHRONOUS,
    ONE_PARAMETER,
  ]);

  describe('beyond the suite', () => {
    let backend: OnnxBackend;
    beforeAll(async () => {
      backend = await onnxBackend(ort, { executionProviders });
    });
    afterAll(async () => backend.release());
    afterEach(() => vi.restoreAllMocks());

    async function upload(...tensors: HostTensor[]): Promise<readonly ort.Tensor[]> {
      return backend.upload(tensors);
    }

    it('keeps tensors in buffers of the GPU', async () => {
      expect(backend.name).toBe('onnx:webgpu');
      const tensors = await upload(manyMagnitudes('float32', 5, 1));
      const moved = await update(backend, tensors, await backend.clone(tensors), 0.5);
      expect([...tensors, ...moved].map(({ location }) => location)).toEqual([
        'none',
        'gpu-buffer',
      ]);
    });

    it('rounds each operation to float32, compensated or not', async () => {
      const [average, live] = [
        manyMagnitudes('float32', 10_007, 1),
        manyMagnitudes('float32', 10_007, 2),
      ];
      const residual = {
        ...average,
        data: (average.data as Float32Array).map((a) => a * 2 ** -25),
      };
      const lives = await upload(live);
      const moved = await update(backend, await upload(average), lives, 1e-3);
      expect((await backend.download(moved)).map(bitsOf)).toEqual([
        bitsOf(averaged(average, live.data, 1e-3)),
      ]);
      const averages = await upload(average);
      const pair = await update(backend, averages, lives, 1e-3, await upload(residual));
      const found = await backend.download(pair);
      expect(found.map(bitsOf)).toEqual(
        compensated(average, residual, live.data, 1e-3).map(bitsOf),
      );
      backend.dispose([...lives, ...moved, ...pair]);
    });

    it('averages more tensors than one run takes, each with its own', async () => {
      const averages = Array.from({ length: 150 }, (_, n) => manyMagnitudes('float32', n, n));
      const live = averages.map(({ shape }, n) =>
        manyMagnitudes('float32', shape[0] ?? 0, n + 200),
      );
      const moved = await update(backend, await upload(...averages), await upload(...live), 0.3);
      const expected = averages.map((average, n) =>
        averaged(average, live[n]?.data as HostArray, 0.3),
      );
      expect((await backend.download(moved)).map(bitsOf)).toEqual(expected.map(bitsOf));
    });

    it('is refused as a whole where one item would not be finite, and keeps all', async () => {
      const tensors = [1, 2, 3].map((n) => manyMagnitudes('float32', 70 * n, n));
      const averages = await upload(...tensors);
      const lives = await upload(
        ...tensors.map((tensor, n) => ({
          ...tensor,
          data: (tensor.data as Float32Array).map((x, i) => (n > 0 && i === 69 ? NaN : x)),
        })),
      );
      const { tensors: alive } = backend.memory();
      const items = itemsOf(averages, lives, 0.5);
      expect(await backend.average(items)).toEqual({ kind: 'refused', nonFinite: [1, 2] });
      expect(backend.memory().tensors).toBe(alive);
      expect((await backend.download(averages)).map(bitsOf)).toEqual(tensors.map(bitsOf));
      const result = await backend.average(items, { allowNonFinite: true });
      if (result.kind === 'refused') throw new Error('unreachable');
      expect(result.items).toMatchObject([
        { isFinite: true, hasMoved: false },
        { isFinite: false, hasMoved: true },
        { isFinite: false, hasMoved: true },
      ]);
      expect(averages.map(({ location }) => location)).toEqual(['none', 'none', 'none']);
      backend.dispose([...lives, ...result.items.map(({ average }) => average)]);
    });

    it('keeps an average alive while a cell shows it, and frees it afterwards', async () => {
      const [live, average] = await upload(
        manyMagnitudes('float32', 5, 1),
        manyMagnitudes('float32', 5, 2),
      );
      if (live === undefined || average === undefined) throw new Error('unreachable');
      const parameter = onnxParameter('p', live);
      const held = await backend.swap([parameter], [average]);
      backend.dispose([average]);
      expect(average.location).toBe('gpu-buffer');
      backend.dispose(await backend.swap([parameter], held));
      expect(average.location).toBe('none');
      backend.dispose([...held, live]);
      expect(live.location).toBe('none');
    });

    it('refuses a tensor in host memory before ORT sees it', async () => {
      const [own] = await upload(manyMagnitudes('float32', 2, 1));
      const foreign = new ort.Tensor('float32', [1, 2], [2]);
      if (own === undefined) throw new Error('unreachable');
      const calls = [
        backend.download([foreign]),
        backend.average(itemsOf([own], [foreign], 0.5)),
        backend.swap([onnxParameter('conv1.weight', foreign)], [own]),
      ];
      for (const call of calls) await expect(call).rejects.toThrow(/has the location "cpu"/u);
      await expect(calls.at(-1)).rejects.toThrow('"conv1.weight"');
    });

    it('changes nothing, and leaks nothing, where a run fails', async () => {
      const { outputs, failAfter } = spyOnRuns();
      const spied = await onnxBackend(ort, { executionProviders });
      const tensors = Array.from({ length: 150 }, (_, n) => manyMagnitudes('float32', n, n));
      const averages = await spied.upload(tensors);
      const lives = await spied.clone(averages);
      const { tensors: alive } = spied.memory();
      outputs.length = 0;
      failAfter(2);
      await expect(spied.average(itemsOf(averages, lives, 0.5))).rejects.toThrow('out of memory');
      const onDevice = outputs.filter(({ location }) => location === 'gpu-buffer');
      // Two runs of 64 tensors: of each an average, which is freed again, and for all the statuses.
      expect([outputs.length, onDevice.length]).toEqual([130, 0]);
      expect(spied.memory().tensors).toBe(alive);
      failAfter(Infinity);
      expect((await spied.download(averages)).map(bitsOf)).toEqual(tensors.map(bitsOf));
      await spied.release();
    });

    it('reads a number of each item in an update or a check, and nothing in a swap', async () => {
      const { outputs } = spyOnRuns();
      const spied = await onnxBackend(ort, { executionProviders });
      const tensors = Array.from({ length: 70 }, (_, n) => manyMagnitudes('float32', 100 + n, n));
      const [averages, lives] = [await spied.upload(tensors), await spied.upload(tensors)];
      const bytesRead = async (work: () => Promise<unknown>): Promise<number> => {
        outputs.length = 0;
        await work();
        const read = outputs.filter(({ location }) => location === 'cpu');
        return read.reduce((sum, { size }) => sum + 4 * size, 0);
      };
      expect(await bytesRead(() => update(spied, averages, lives, 0.5))).toBe(4 * 70);
      expect(await bytesRead(async () => spied.allFinite(lives))).toBe(4 * 70);
      const parameters = lives.map((live, n) => onnxParameter(`p${n}`, live));
      expect(await bytesRead(async () => spied.swap(parameters, lives))).toBe(0);
      await spied.release();
    });

    it("averages a model's weights on the GPU, and the model computes with them", async () => {
      const model = await ort.InferenceSession.create(identity, {
        executionProviders,
      });
      const make = async (value: number): Promise<ort.Tensor> =>
        (
          await upload({ dtype: 'float32', shape: [2], data: Float32Array.of(value, -value) })
        )[0] as ort.Tensor;
      const weight = onnxParameter('weight', await make(0));
      const swa = new SWA(observedOptimizer([{ params: [weight], lr: 0.1 }]), { backend });
      for (const value of [1, 2, 6]) {
        const stepped = await make(value);
        weight.set(stepped);
        backend.dispose([stepped]);
        await swa.updateSwa();
      }
      const output = async (): Promise<unknown> =>
        (await model.run({ from: weight.get() }))['to']?.data;
      expect(await swa.withAveraged(output)).toEqual(Float32Array.of(3, -3));
      expect(await output()).toEqual(Float32Array.of(6, -6));
      await swa.dispose();
      await model.release();
      backend.dispose([weight.get()]);
    });

    it('holds as many tensors and as much memory after 1,000 rounds as after 200', async () => {
      const parameters = (await upload(manyMagnitudes('float32', 10_000, 1))).map((tensor) =>
        onnxParameter('p', tensor),
      );
      let averages = await backend.clone(parameters.map((parameter) => parameter.get()));
      const round = async (): Promise<void> => {
        averages = await update(backend, averages, [parameters[0]?.get() as ort.Tensor], 0.5);
        const live = await backend.swap(parameters, averages);
        const shown = await backend.swap(parameters, live);
        backend.dispose([...live, ...shown]);
      };
      for (let n = 0; n < 200; n += 1) await round();
      const [held, resident] = [backend.memory(), process.memoryUsage.rss()];
      for (let n = 0; n < 800; n += 1) await round();
      expect(backend.memory()).toEqual(held);
      // A leak of one tensor a round would be 32 MB, and SwiftShader's buffers are in host memory.
      expect((process.memoryUsage.rss() - resident) / 2 ** 20).toBeLessThan(16);
      backend.dispose([...averages, ...parameters.map((parameter) => parameter.get())]);
    });

    it('weighs each side where that overflows, and leaks nothing where a run fails', async () => {
      const { outputs, failAfter } = spyOnRuns();
      const spied = await onnxBackend(ort, { executionProviders });
      const large = (seed: number): HostTensor => {
        const data = Float32Array.from({ length: 70 }, (_, n) => Math.sin(n * seed) * 3.4e38);
        return { dtype: 'float32', shape: [7, 10], data };
      };
      const [plain, average, live] = [manyMagnitudes('float32', 70, 1), large(2), large(3)];
      const residual = {
        ...average,
        data: (average.data as Float32Array).map((x) => x * 2 ** -26),
      };
      const averages = await spied.upload([{ ...plain, shape: [7, 10] }, average, average]);
      const [target, carried] = await spied.upload([live, residual]);
      if (target === undefined || carried === undefined) throw new Error('unreachable');
      const items = averages.map((each, n) => ({
        average: each,
        live: target,
        weight: 0.75,
        ...(n === 2 && { residual: carried }),
      }));
      // Two runs average, one reads, and one holds what the host made.
      for (const runs of [2, 3]) {
        outputs.length = 0;
        failAfter(runs);
        await expect(spied.average(items)).rejects.toThrow('out of memory');
        expect(outputs.filter(({ location }) => location === 'gpu-buffer')).toEqual([]);
      }
      failAfter(Infinity);
      outputs.length = 0;
      const result = await spied.average(items);
      if (result.kind === 'refused') throw new Error('refused finite values');
      expect(outputs.filter(({ location }) => location === 'gpu-buffer')).toHaveLength(4);
      const own = [plain, average, average].map(({ data }, n) => ({
        average: data as Float32Array,
        live: live.data as Float32Array,
        weight: 0.75,
        residual: n === 2 ? residual.data : undefined,
      }));
      const expected = hostKernels().average(own);
      const arrays = expected.kind === 'averaged' ? expected.items.flatMap(statesOf) : [];
      const found = await spied.download(result.items.flatMap(statesOf));
      expect(found.map(({ data }) => data)).toEqual(arrays);
      spied.dispose([...result.items.flatMap(statesOf), target]);
      await spied.release();
    });
  });
});
