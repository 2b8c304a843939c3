// Tensors in buffers of a WebGPU device.
import type { DType, TensorSpec } from '@polyak/core/interfaces';
import { elementCount } from '@polyak/core/interfaces';
import { Usage } from './flags.js';

/** A tensor: its elements lie one after the other, from the first byte of the buffer on. */
export interface WebgpuTensor extends TensorSpec {
  /** The memory. */
  readonly buffer: GPUBuffer;
}

/** The dtypes of 4 bytes: WebGPU copies multiples of 4 bytes only. */
export const DTYPES: readonly DType[] = ['float32', 'int32', 'uint32'];

/** The usage of tensors: kernels bind their buffers, and swaps copy them. */
export const USAGE: number = Usage.STORAGE | Usage.COPY_SRC | Usage.COPY_DST;

/** The size of a tensor in bytes. */
export function byteLength({ shape }: TensorSpec): number {
  return 4 * elementCount(shape);
}

/** Copies the n-th tensor into the n-th buffer. */
export function copyTensors(
  device: GPUDevice,
  tensors: readonly WebgpuTensor[],
  buffers: readonly GPUBuffer[],
): void {
  const encoder = device.createCommandEncoder();
  for (const [n, tensor] of tensors.entries()) {
    encoder.copyBufferToBuffer(tensor.buffer, 0, buffers[n] as GPUBuffer, 0, byteLength(tensor));
  }
  device.queue.submit([encoder.finish()]);
}
