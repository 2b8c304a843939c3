// Checks on the device whether elements are finite and whether they have moved.
import type { Texture } from 'gpu.js';
import type { Steps } from '@polyak/core/kit';
import { elementCount } from '@polyak/core/interfaces';
import type { Device } from '../device.js';
import { RUN, STATUS } from './kernel-sources.js';
import { layoutOf } from '../texture.js';

/** Arguments of {@link beginStatus}: three textures of one length. */
export interface Looked {
  /** Its elements must be finite. */
  readonly next: Texture;
  /** Compared with `live`. */
  readonly average: Texture;
  readonly live: Texture;
}

/** The result of a check. */
export interface Status {
  readonly isFinite: boolean;
  readonly hasMoved: boolean;
}

/** Starts the check; {@link readStatus} reads its result. The caller deletes the texture. */
export function* beginStatus(device: Device, { next, average, live }: Looked): Steps<Texture> {
  const length = elementCount(layoutOf(next, 'A tensor').output);
  const layout = { output: [Math.ceil(length / RUN), 2], optimizeFloatMemory: true };
  return yield* device.run(STATUS(length), layout, [next, average, live, 0]);
}

/** Reads the flags of each run of elements. */
export function* readStatus(device: Device, texture: Texture): Steps<StatusRuns> {
  const flags = yield* device.read(texture);
  const count = flags.length / 2;
  return { finite: flags.subarray(0, count), moved: flags.subarray(count) };
}

/** One flag a run. */
export interface StatusRuns {
  /** 0 where finite. */
  readonly finite: Float32Array;
  /** 0 where not moved. */
  readonly moved: Float32Array;
}

/** The status of the runs from `start` up to `end`. */
export function statusOf({ finite, moved }: StatusRuns, start: number, end: number): Status {
  return {
    isFinite: finite.subarray(start, end).every((flag) => flag === 0),
    hasMoved: moved.subarray(start, end).some((flag) => flag !== 0),
  };
}

/** Whether all elements of a texture are finite. */
export function* isTextureFinite(device: Device, texture: Texture): Steps<boolean> {
  const flags = yield* beginStatus(device, { next: texture, average: texture, live: texture });
  try {
    const runs = yield* readStatus(device, flags);
    return statusOf(runs, 0, runs.finite.length).isFinite;
  } finally {
    flags.delete();
  }
}
