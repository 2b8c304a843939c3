// Textures as a model makes them: by kernels of its own.
import type { GPU, IKernelRunShortcut as Kernel, Texture } from 'gpu.js';

/**
 * A texture with these elements. Kernels have one to three axes, so that a texture of a tensor with
 * more, or none, is flat.
 *
 * @param gpu - in a mode with textures
 * @param data - the elements
 * @param shape - the extents, outermost first
 * @param isDense - whether four elements share a texel
 */
export async function textureOf(
  gpu: GPU,
  data: Float32Array,
  shape: readonly number[],
  isDense = false,
): Promise<Texture> {
  const output = shape.length >= 1 && shape.length <= 3 ? shape.toReversed() : [data.length];
  const texture: unknown = await kernelOf(
    gpu,
    output,
    isDense,
  )(nested(data, output) as Float32Array);
  return texture as Texture;
}

/** By the layout of what they make: compiling one takes longer than running it. */
const kernels = new WeakMap<GPU, Map<string, Kernel>>();

function kernelOf(gpu: GPU, output: readonly number[], isDense: boolean): Kernel {
  const known = kernels.get(gpu) ?? new Map<string, Kernel>();
  kernels.set(gpu, known);
  const key = `${output.join()} ${isDense}`;
  const kernel = known.get(key) ?? createdKernel(gpu, output, isDense);
  known.set(key, kernel);
  return kernel;
}

function createdKernel(gpu: GPU, output: readonly number[], isDense: boolean): Kernel {
  const index = ['[this.thread.z]', '[this.thread.y]', '[this.thread.x]']
    .slice(3 - output.length)
    .join('');
  return gpu.createKernel(`function (a) { return a${index}; }`, {
    output: [...output],
    optimizeFloatMemory: isDense,
    precision: 'single',
    tactic: 'precision',
    pipeline: true,
    immutable: true,
  });
}

function nested(data: Float32Array, output: readonly number[]): unknown {
  const outer = output.slice(0, -1);
  if (outer.length === 0) return data;
  const stride = outer.reduce((product, extent) => product * extent, 1);
  return Array.from({ length: data.length / stride }, (_, n) =>
    nested(data.subarray(n * stride, (n + 1) * stride), outer),
  );
}
