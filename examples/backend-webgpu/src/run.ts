// Runs a kernel on any number of tensors, in one submission.
import type { Buffers } from './call.js';
import { READ, Usage } from './flags.js';
import { WORKGROUP } from './kernels.js';

/** One tensor, or one average with its live tensor. */
export interface Job {
  /** What the kernel binds, from binding 2 on. */
  readonly buffers: readonly GPUBuffer[];
  /** The number of elements. */
  readonly length: number;
  /** The weight of the live tensor, rounded to float32 here. */
  readonly weight?: number;
}

/**
 * Submits a kernel for each job.
 *
 * @param device - the device
 * @param pipeline - the kernel
 * @param jobs - the tensors
 * @param buffers - makes what only this call needs
 * @returns for each job, the bits that the kernel found
 */
export async function run(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  jobs: readonly Job[],
  { borrow }: Buffers,
): Promise<Uint32Array> {
  if (jobs.length === 0) return new Uint32Array();
  const { limits, queue } = device;
  // A binding may be shorter than a buffer: 128 of 256 MiB by default.
  const unit = limits.minStorageBufferOffsetAlignment / 4;
  const longest = Math.floor(limits.maxStorageBufferBindingSize / 4 / unit) * unit;
  const parts = jobs.flatMap((job, place) =>
    // None for a tensor without elements: there is no binding of 0 bytes.
    Array.from({ length: Math.ceil(job.length / longest) }, (_, part) => {
      const begin = part * longest;
      return { ...job, place, begin, length: Math.min(longest, job.length - begin) };
    }),
  );
  const stride = limits.minUniformBufferOffsetAlignment;
  const params = new DataView(new ArrayBuffer(stride * Math.max(1, parts.length)));
  const size = 4 * jobs.length;
  const uniform = borrow(params.byteLength, Usage.UNIFORM | Usage.COPY_DST);
  const found = borrow(size, Usage.STORAGE | Usage.COPY_SRC);
  const staging = borrow(size, Usage.MAP_READ | Usage.COPY_DST);

  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  for (const [n, { buffers, length, weight = 0, place, begin }] of parts.entries()) {
    const offset = n * stride;
    params.setUint32(offset, length, true);
    params.setUint32(offset + 4, place, true);
    params.setFloat32(offset + 8, weight, true);
    const resources = [
      { buffer: uniform, offset, size: 12 },
      { buffer: found },
      ...buffers.map((buffer) => ({ buffer, offset: 4 * begin, size: 4 * length })),
    ];
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    const layout = pipeline.getBindGroupLayout(0);
    pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
    const workgroups = Math.ceil(length / WORKGROUP);
    pass.dispatchWorkgroups(Math.min(workgroups, limits.maxComputeWorkgroupsPerDimension));
  }
  pass.end();
  encoder.copyBufferToBuffer(found, 0, staging, 0, size);
  queue.writeBuffer(uniform, 0, params.buffer);
  queue.submit([encoder.finish()]);

  await staging.mapAsync(READ);
  return new Uint32Array(staging.getMappedRange().slice(0));
}
