// gpu.js's textures as this package uses them: what its typings leave out, cast once.
import type { Texture } from 'gpu.js';

/** The type of what a pipeline kernel returns on webgpu: a handle of a buffer. */
export const WEBGPU_BUFFER = 'WebGPUBuffer';

/** A texture of gpu.js with what its typings leave out; on webgpu the handle of a buffer, which has the same members. */
interface TextureMembers {
  /** The extents of the kernel that made it, innermost first. */
  readonly output: ArrayLike<number>;
  /** How its elements are stored. */
  readonly type: string;
  /** Whether `delete` was called on this handle. */
  readonly _deleted: boolean;
}

/** The extents of the kernel that made a texture, innermost first. */
export function outputOf(texture: Texture): readonly number[] {
  return Array.from(membersOf(texture).output);
}

/** How the elements of a texture are stored, such as `ArrayTexture(1)`. */
export function typeOf(texture: Texture): string {
  return membersOf(texture).type;
}

/** Whether the texture was deleted; gpu.js may go on computing with it, silently. */
export function isDeleted(texture: Texture): boolean {
  return membersOf(texture)._deleted;
}

function membersOf(texture: Texture): TextureMembers {
  return texture as unknown as TextureMembers;
}
