// Checks on the device whether elements are finite and whether they have moved. The host reads one
// word for each item.
import type { Texture } from 'gpu.js';
import type { Steps } from '@polyak/core/kit';
import { elementCount } from '@polyak/core/interfaces';
import type { Device } from '../device.js';
import { RUN, STATUS, SUMS } from './kernel-sources.js';
import { layoutOf } from '../texture.js';

/** Arguments of {@link beginStatus}: three textures of one length. */
export interface Looked {
  /** Its elements must be finite. */
  readonly next: Texture;
  /** Compared with `live`. */
  readonly average: Texture;
  readonly live: Texture;
  /** The number of runs of each item. An item may have none here. */
  readonly runs: readonly number[];
}

/** The result of a check. */
export interface Status {
  readonly isFinite: boolean;
  readonly hasMoved: boolean;
}

/**
 * Starts the check.
 *
 * @returns a word for each item that has runs, to be added to its words of other textures. The
 *   caller deletes the texture
 */
export function* beginStatus(
  device: Device,
  { next, average, live, runs }: Looked,
): Steps<Texture> {
  const length = elementCount(layoutOf(next, 'A tensor').output);
  const looked = [next, average, live, 0];
  let words = yield* device.run(STATUS(length), layoutOfWords(length / RUN), looked);
  for (let sizes = runs; sizes.some((size) => size > 1); sizes = sizes.map(runsIn)) {
    const bounds = boundsOf(sizes);
    try {
      const sums = yield* device.run(SUMS, layoutOfWords(bounds.length - 1), [words, bounds]);
      words.delete();
      words = sums;
    } catch (error) {
      words.delete();
      throw error;
    }
  }
  return words;
}

/** What the sum of an item's words says. Where it is not finite, it does not say what moved. */
export function statusOf(word: number): Status {
  return { isFinite: !Number.isNaN(word), hasMoved: word !== 0 };
}

/** Whether all elements of a texture are finite. */
export function* isTextureFinite(device: Device, texture: Texture): Steps<boolean> {
  const length = elementCount(layoutOf(texture, 'A tensor').output);
  const looked = { next: texture, average: texture, live: texture, runs: [runsIn(length)] };
  const words = yield* beginStatus(device, looked);
  try {
    const [word = 0] = yield* device.read(words);
    return statusOf(word).isFinite;
  } finally {
    words.delete();
  }
}

/** The number of runs of as many elements, or of as many words. */
export function runsIn(count: number): number {
  return Math.ceil(count / RUN);
}

function layoutOfWords(count: number): { output: number[]; optimizeFloatMemory: boolean } {
  return { output: [Math.ceil(count)], optimizeFloatMemory: true };
}

/** Where each group of words begins, none with words of two items, and where the last one ends. */
function boundsOf(sizes: readonly number[]): Float32Array {
  const bounds: number[] = [];
  let start = 0;
  for (const size of sizes) {
    for (let at = 0; at < size; at += RUN) bounds.push(start + at);
    start += size;
  }
  return Float32Array.from([...bounds, start]);
}
