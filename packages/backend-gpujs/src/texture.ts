// Textures of gpu.js, which are arguments and results of kernels.
import { PolyakError } from '@polyak/core';
import type { Texture } from 'gpu.js';

/** The layout of a result. Textures of one layout are interchangeable in any kernel. */
export interface Layout {
  /** The extents, innermost first, as gpu.js has them. */
  readonly output: readonly number[];
  /** Whether four elements share a texel. */
  readonly optimizeFloatMemory: boolean;
}

/**
 * The members of a texture that gpu.js's typings lack. On webgpu it is the handle of a buffer, with
 * the same members.
 */
interface TextureMembers {
  readonly kernel: { readonly immutable?: boolean };
  readonly output: ArrayLike<number>;
  readonly type: string;
  readonly size?: ArrayLike<number>;
  readonly componentCount?: number;
  readonly context: unknown;
  readonly _deleted: boolean;
  readonly texture?: CountedStorage;
  readonly buffer?: CountedStorage;
}

/** The memory of a texture, with the number of handles on it that are not deleted. */
export interface CountedStorage {
  readonly _refs: number;
}

/** The types of textures with float32 elements, and whether four elements share a texel. */
const TYPES: Readonly<Record<string, boolean>> = {
  'ArrayTexture(1)': false,
  MemoryOptimizedNumberTexture: true,
  WebGPUBuffer: false,
};

/** Whether a value is a texture, or on webgpu the handle of a buffer. */
export function isTexture(data: unknown): data is Texture {
  return typeof data === 'object' && data !== null && 'toArray' in data && 'output' in data;
}

/** The extents, outermost first. */
export function shapeOf(texture: Texture): readonly number[] {
  const { output } = membersOf(texture);
  return Array.from(output, (_, axis) => output[output.length - 1 - axis] as number);
}

/** Whether `delete` was called on this handle. gpu.js may still compute with it, silently. */
export function isDeleted(texture: Texture): boolean {
  return membersOf(texture)['_deleted'];
}

/**
 * Deletes a handle for good. Elements that another handle keeps alive can still be read on WebGL,
 * where gpu.js does not check: here the handle throws.
 *
 * @param remedy - what to use instead
 */
export function retire(texture: Texture, remedy: string): void {
  texture.delete();
  if (!('texture' in texture)) return;
  Object.defineProperty(texture, 'texture', {
    configurable: true,
    get() {
      throw new PolyakError('ERR_DISPOSED', `A kernel was given a deleted texture. ${remedy}`);
    },
  });
}

/**
 * Refuses a texture whose elements change when its kernel is called again.
 *
 * @param what - the texture, for the message
 * @throws PolyakError `ERR_UNSUPPORTED`
 */
export function requireImmutable(texture: Texture, what: string): void {
  if (membersOf(texture).kernel.immutable !== false) return;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${what} is a texture that its kernel overwrites at the next call. Make the kernel with ` +
      'immutable: true.',
  );
}

/** The memory, which all handles on the same elements share. */
export function storageOf(texture: Texture): CountedStorage {
  const { texture: storage, buffer } = membersOf(texture);
  return (storage ?? buffer) as CountedStorage;
}

/** The context of a texture. Kernels of another context cannot read it. */
export function contextOf(texture: Texture): unknown {
  return membersOf(texture).context;
}

/**
 * What gpu.js compiles into a kernel: two textures with the same signature can be arguments of the
 * same kernel.
 */
export function signatureOf(texture: Texture): string {
  const { type, output, size = [] } = membersOf(texture);
  return `${type}[${Array.from(output).join()}](${Array.from(size).join()})`;
}

/**
 * The layout of a texture.
 *
 * @param texture - of a kernel that returns one number for each element
 * @param what - the tensor, for the message
 * @throws PolyakError `ERR_UNSUPPORTED` for textures whose elements are not float32
 */
export function layoutOf(texture: Texture, what: string): Layout {
  const { type, output, componentCount = 1 } = membersOf(texture);
  const optimizeFloatMemory = TYPES[type];
  if (optimizeFloatMemory === undefined || componentCount !== 1) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${what} is a texture of the type ${type} with ${componentCount} components an element, ` +
        "expected float32 elements. Make it by a kernel with precision: 'single' that " +
        'returns a number.',
    );
  }
  return { output: Array.from(output), optimizeFloatMemory };
}

/**
 * The elements in the order of memory. `toArray` of a texture nests them, one level for each axis.
 */
export function flattened(values: unknown): Float32Array {
  if (values instanceof Float32Array) return values;
  const rows = (values as readonly unknown[]).map(flattened);
  const flat = new Float32Array(rows.reduce((length, row) => length + row.length, 0));
  let start = 0;
  for (const row of rows) {
    flat.set(row, start);
    start += row.length;
  }
  return flat;
}

/** Views of the elements, nested as an argument of the rank of `output` must be. */
export function nested(
  data: Float32Array,
  output: readonly number[],
): Float32Array | readonly unknown[] {
  const outer = output.slice(0, -1);
  if (outer.length === 0) return data;
  const stride = outer.reduce((product, extent) => product * extent, 1);
  return Array.from({ length: data.length / stride }, (_, n) =>
    nested(data.subarray(n * stride, (n + 1) * stride), outer),
  );
}

function membersOf(texture: Texture): TextureMembers {
  return texture as unknown as TextureMembers;
}
