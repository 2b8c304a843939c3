// WebGPU in Node: Dawn, from the package `webgpu`, on a GPU or on a driver in software. Where there
// is neither, tests are skipped; POLYAK_REQUIRE_WEBGPU=1 makes that a failure.
import { existsSync } from 'node:fs';
import process from 'node:process';
import type { HostTensor } from '@polyak/core/interfaces';
import type { WebgpuTensor } from '@polyak/example-backend-webgpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create, globals } from 'webgpu';

/** SwiftShader, as Debian's package `chromium` installs it. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

// Vulkan's loader reads it when the first adapter is requested.
if (existsSync(SWIFTSHADER)) process.env['VK_ICD_FILENAMES'] ??= SWIFTSHADER;
Object.assign(globalThis, globals);
const gpu = create([]);

/** Why there is no adapter here. */
const reason = await gpu.requestAdapter().then(
  (adapter) => (adapter === null ? 'WebGPU found no adapter.' : undefined),
  (error: Error) => error.message,
);
const isRequired = process.env['POLYAK_REQUIRE_WEBGPU'] === '1';
if (reason !== undefined) {
  console.warn(
    `Skipped: ${reason} Install a Vulkan driver, such as the one in software of ` +
      '`apt-get install chromium libvulkan1`, and name its .json file in VK_ICD_FILENAMES.',
  );
}

/** A device and its buffers. */
export interface Bench {
  readonly device: GPUDevice;
  /** The buffers that were made and not destroyed. */
  readonly buffers: ReadonlySet<GPUBuffer>;
}

/** A device that keeps count of its buffers. */
export async function openDevice(): Promise<Bench> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('unreachable');
  const device = await adapter.requestDevice();
  const buffers = new Set<GPUBuffer>();
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      buffers.delete(buffer);
      destroy();
      return undefined;
    };
    buffers.add(buffer);
    return buffer;
  };
  return { device, buffers };
}

/** Declares tests on a device. */
export function describeWebgpu(declare: (bench: Bench) => void): void {
  it.runIf(isRequired || reason === undefined)('has a WebGPU adapter', () => {
    expect(reason).toBeUndefined();
  });
  describe.skipIf(reason !== undefined)('on WebGPU', () => {
    const bench: { -readonly [Key in keyof Bench]?: Bench[Key] } = {};
    beforeAll(async () => void Object.assign(bench, await openDevice()));
    afterAll(() => bench.device?.destroy());
    declare(bench as Bench);
  });
}

/** A tensor of a model, with the elements of `tensor`. */
export function modelTensor(device: GPUDevice, { dtype, shape, data }: HostTensor): WebgpuTensor {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: data.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, data as BufferSource);
  return { dtype, shape, buffer };
}

/** Host tensors of float32. */
export function floats(...values: readonly number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}
