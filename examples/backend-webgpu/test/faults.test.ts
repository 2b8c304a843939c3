// What goes wrong on the device is thrown, and changes nothing.
import { AveragedModel } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { webgpuBackend, webgpuParameter } from '@polyak/example-backend-webgpu';
import type { WebgpuBackend, WebgpuTensor } from '@polyak/example-backend-webgpu';
import { describe, expect, it, vi } from 'vitest';
import { describeWebgpu, floats, modelTensor, openDevice } from './device.js';

describeWebgpu((bench) => {
  /** An average of 1, 2 and a live tensor of 3, 4. */
  async function tensorsOf(
    backend: WebgpuBackend,
  ): Promise<{ readonly average: WebgpuTensor; readonly live: WebgpuTensor }> {
    const [average, live] = await backend.upload([floats(1, 2), floats(3, 4)]);
    return { average: average as WebgpuTensor, live: live as WebgpuTensor };
  }

  describe('an update', () => {
    it('that the device refuses says why, and leaves the average and no buffer', async () => {
      const { device, buffers } = bench;
      const backend = await webgpuBackend(device);
      const { average, live } = await tensorsOf(backend);
      const gone = modelTensor(device, floats(5, 6));
      gone.buffer.destroy();
      const before = buffers.size;
      await expect(
        backend.average([
          { average, live, weight: 0.5 },
          { average: live, live: gone, weight: 0.5 },
        ]),
      ).rejects.toThrow(/^average: GPUValidationError: .*destroyed/u);
      expect(buffers.size).toBe(before);
      expect(await backend.download([average, live])).toEqual([floats(1, 2), floats(3, 4)]);
      backend.dispose([average, live]);
    });

    it('without memory for its results leaves the average and no buffer', async () => {
      const { device, buffers } = bench;
      const backend = await webgpuBackend(device);
      const { average, live } = await tensorsOf(backend);
      const before = buffers.size;
      // As a driver answers; to fill the memory of a machine is no test.
      const pop = vi.spyOn(device, 'popErrorScope').mockImplementationOnce(async () => {
        await device.popErrorScope();
        return new GPUOutOfMemoryError('allocation failed');
      });
      await expect(backend.average([{ average, live, weight: 0.5 }])).rejects.toThrow(
        'average: GPUOutOfMemoryError: allocation failed',
      );
      pop.mockRestore();
      expect(buffers.size).toBe(before);
      expect(await backend.download([average])).toEqual([floats(1, 2)]);
      backend.dispose([average, live]);
    });

    it('pops its error scopes where a call throws at once', async () => {
      const { device, buffers } = bench;
      const backend = await webgpuBackend(device);
      const before = buffers.size;
      const error = new Error('no encoder');
      const create = vi.spyOn(device, 'createCommandEncoder').mockImplementationOnce(() => {
        throw error;
      });
      const tensors = await backend.upload([floats(1)]);
      await expect(backend.clone(tensors)).rejects.toBe(error);
      create.mockRestore();
      backend.dispose(tensors);
      expect(buffers.size).toBe(before);
      await expect(device.popErrorScope()).rejects.toThrow('No error scopes');
    });
  });

  it('keeps to the limits of a device: long tensors are bound in parts, threads loop', async () => {
    const { device } = bench;
    // Bindings of 512 elements, two for each of the threads: 1,280 elements in three parts.
    const least: Readonly<Record<string | symbol, number>> = {
      maxStorageBufferBindingSize: 2300,
      maxComputeWorkgroupsPerDimension: 1,
    };
    const limits = new Proxy(device.limits, {
      get: (all, name) => least[name] ?? (Reflect.get(all, name) as unknown),
    });
    const small = new Proxy(device, {
      get(all, name) {
        if (name === 'limits') return limits;
        const value: unknown = Reflect.get(all, name);
        return typeof value === 'function' ? (value.bind(all) as unknown) : value;
      },
    });
    const backend = await webgpuBackend(small);
    const [from, towards] = [1, 2].map((seed) =>
      floats(...Array.from({ length: 1280 }, (_, i) => Math.sin(seed * i))),
    ) as [HostTensor, HostTensor];
    const dispatched = vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups');
    const [average, live] = (await backend.upload([from, towards])) as [WebgpuTensor, WebgpuTensor];
    const result = await backend.average([{ average, live, weight: 0.25 }]);
    expect(dispatched).toHaveBeenCalledTimes(3);
    dispatched.mockRestore();
    if (result.kind === 'refused') throw new Error('refused finite values');
    const averages = result.items.map((item) => item.average);
    const [found] = await backend.download(averages);
    const numbers = ({ data }: HostTensor): readonly number[] => Array.from(data as Float32Array);
    const targets = numbers(towards);
    const expected = numbers(from).map((a, i) => a + 0.25 * ((targets[i] as number) - a));
    numbers(found as HostTensor).forEach((value, i) => {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThan(2 ** -22);
    });
    backend.dispose([live, ...averages]);
  });

  it('refuses a parameter whose buffer cannot be copied', () => {
    const { device } = bench;
    const buffer = device.createBuffer({ size: 8, usage: GPUBufferUsage.STORAGE });
    const tensor = { dtype: 'float32', shape: [2], buffer } as const;
    expect(() => webgpuParameter(device, 'weight', tensor)).toThrow(
      /"weight" has 8 bytes and the usage 0x80, expected 8 bytes or more and the usages/u,
    );
    buffer.destroy();
  });

  it('says that the device is lost, before a call and in the middle of one', async () => {
    const { device, buffers } = await openDevice();
    const backend = await webgpuBackend(device);
    const weight = webgpuParameter(device, 'weight', modelTensor(device, floats(1, 2)));
    const model = new AveragedModel([weight], { backend });
    await model.update();
    await model.update();
    const before = buffers.size;
    const update = model.update();
    device.destroy();
    const loss = {
      code: 'ERR_DISPOSED',
      message: expect.stringMatching(/device was lost \(de/u) as string,
    };
    await expect(update).rejects.toMatchObject(loss);
    await expect(model.update()).rejects.toMatchObject(loss);
    await expect(model.swap()).rejects.toMatchObject(loss);
    expect(buffers.size).toBe(before);
  });
});
