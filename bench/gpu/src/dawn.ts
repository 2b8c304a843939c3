// WebGPU in Node: Dawn, from the package `webgpu`.
import { create, globals } from 'webgpu';

/** Gives Node `navigator.gpu`, before a runtime looks for it. */
export function startDawn(): void {
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: create([]) },
    configurable: true,
  });
}

/** What the adapter says of itself. */
export interface Adapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly maxBufferSize: number;
}

/** The adapter that Dawn prefers. */
export async function adapterOf(): Promise<Adapter> {
  const adapter = await create([]).requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new Error(
      'Dawn found no adapter. It needs libvulkan.so.1 and a Vulkan driver. Name the .json ' +
        'file of the driver in VK_DRIVER_FILES.',
    );
  }
  const { vendor, architecture, device, description } = adapter.info;
  const { maxBufferSize } = adapter.limits;
  return { vendor, architecture, device, description, maxBufferSize };
}

/** The device's own copy: `copyBufferToBuffer`. */
export function bufferCopy(device: GPUDevice, elements: number) {
  const size = elements * Float32Array.BYTES_PER_ELEMENT;
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [source, target] = [
    device.createBuffer({ size, usage }),
    device.createBuffer({ size, usage }),
  ];
  return {
    value(): void {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, target, 0, size);
      device.queue.submit([encoder.finish()]);
    },
    release(): void {
      source.destroy();
      target.destroy();
    },
  };
}
