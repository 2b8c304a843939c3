// How many textures, or on webgpu buffers, are alive on a device: counted in its own functions, not
// in gpu.js's.
import type { GPU } from 'gpu.js';

interface Kernel {
  readonly context?: {
    readonly device?: { createBuffer: (settings: object) => { destroy: () => void } };
  };
}

interface WebGl {
  createTexture: () => object;
  deleteTexture: (texture: object) => void;
}

/**
 * Starts to count.
 *
 * @param gpu - with a kernel that was called
 * @returns how many more there are than now; 0 on cpu and webasm
 */
export function countTextures(gpu: GPU): () => number {
  const [kernel] = (gpu as unknown as { readonly kernels: readonly Kernel[] }).kernels;
  const { device } = kernel?.context ?? {};
  if (device !== undefined) return countBuffers(device);
  const gl = gpu.context as WebGl | null;
  if (typeof gl?.createTexture !== 'function') return () => 0;
  const alive = new Set<object>();
  const create = gl.createTexture.bind(gl);
  const remove = gl.deleteTexture.bind(gl);
  gl.createTexture = () => {
    const texture = create();
    alive.add(texture);
    return texture;
  };
  gl.deleteTexture = (texture) => {
    alive.delete(texture);
    remove(texture);
  };
  return () => alive.size;
}

function countBuffers(device: {
  createBuffer: (settings: object) => { destroy: () => void };
}): () => number {
  const alive = new Set<object>();
  const create = device.createBuffer.bind(device);
  device.createBuffer = (settings) => {
    const buffer = create(settings);
    alive.add(buffer);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      alive.delete(buffer);
      destroy();
    };
    return buffer;
  };
  return () => alive.size;
}
