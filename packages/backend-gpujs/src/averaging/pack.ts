// Many tensors side by side in a few large storages, so that an update of all of them costs a handful of kernel calls.
import type { Device } from '../device.js';
import type { Storage } from '../gpu.js';
import { COPY } from './kernel-sources.js';
import type { Layout } from '../texture.js';

/** The elements of one storage: as many as any device can have in one texture, and integers are exact in float32 so far. */
const PART_LENGTH = 2 ** 24;

/** A stretch of packed averages. Only the backend makes it, and only the backend reads it. */
export interface GpujsSlice {
  /** The first element. */
  readonly start: number;
  /** The number of elements. */
  readonly length: number;
}

/** The same, with what it is a stretch of. */
export class Slice implements GpujsSlice {
  readonly pack: Pack;
  readonly start: number;
  readonly length: number;

  constructor(pack: Pack, start: number, length: number) {
    this.pack = pack;
    this.start = start;
    this.length = length;
  }
}

/** The concatenation of tensors, cut into parts. Its storages live as long as one of its slices. */
export class Pack {
  readonly device: Device;
  readonly length: number;
  readonly parts: readonly Storage[];
  #users = 0;

  /**
   * @param device - where it lies
   * @param length - the number of elements
   * @param parts - storages with the layouts that {@link packLayouts} says
   */
  constructor(device: Device, length: number, parts: readonly Storage[]) {
    this.device = device;
    this.length = length;
    this.parts = parts;
  }

  /** The stretches of tensors with these lengths, which together are as long as the pack. */
  slices(lengths: readonly number[]): readonly Slice[] {
    let start = 0;
    this.#users += lengths.length;
    return lengths.map((length) => {
      start += length;
      return new Slice(this, start - length, length);
    });
  }

  /** Gives up one slice. With the last one the storages are freed. */
  release(): void {
    this.#users -= 1;
    if (this.#users === 0) for (const part of this.parts) this.device.free(part);
  }

  /** All elements, on the host. */
  async read(): Promise<Float32Array> {
    const flat = new Float32Array(this.length);
    for (const [n, part] of this.parts.entries())
      flat.set(await this.device.read(part), n * PART_LENGTH);
    return flat;
  }
}

/** The pack that a list of slices is, all of it and in its order. */
export function packOf(slices: readonly unknown[]): Pack | undefined {
  const [first] = slices;
  if (!(first instanceof Slice)) return undefined;
  let end = 0;
  for (const slice of slices) {
    if (!(slice instanceof Slice) || slice.pack !== first.pack || slice.start !== end)
      return undefined;
    end += slice.length;
  }
  return end === first.pack.length ? first.pack : undefined;
}

/** The layouts of the parts of a pack. */
export function packLayouts(length: number): readonly Layout[] {
  return Array.from({ length: Math.ceil(length / PART_LENGTH) }, (_, n) => ({
    output: [Math.min(PART_LENGTH, length - n * PART_LENGTH)],
    optimizeFloatMemory: true,
  }));
}

/**
 * The elements of one part of a pack: a view where one array has them all, and a copy elsewhere.
 *
 * @param arrays - what is packed
 * @param part - which one
 */
export function packed(arrays: readonly Float32Array[], part: number): Float32Array {
  const [layout] = packLayouts(lengthOf(arrays) - part * PART_LENGTH);
  const length = layout?.output[0] ?? 0;
  const pieces: Float32Array[] = [];
  let offset = -part * PART_LENGTH;
  for (const array of arrays) {
    const [start, end] = [Math.max(0, -offset), Math.min(array.length, length - offset)];
    if (start < end) pieces.push(array.subarray(start, end));
    offset += array.length;
  }
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : concatenated(pieces, length);
}

function concatenated(pieces: readonly Float32Array[], length: number): Float32Array {
  const elements = new Float32Array(length);
  let start = 0;
  for (const piece of pieces) {
    elements.set(piece, start);
    start += piece.length;
  }
  return elements;
}

/** The parts of a pack of `arrays`, on the device. */
export async function packArrays(
  device: Device,
  arrays: readonly Float32Array[],
): Promise<readonly Storage[]> {
  const parts: Storage[] = [];
  try {
    for (const [part, layout] of packLayouts(lengthOf(arrays)).entries()) {
      const elements = packed(arrays, part);
      parts.push(
        device.hasTextures ? await device.run(COPY(1), layout, [elements]) : elements.slice(),
      );
    }
  } catch (error) {
    for (const part of parts) device.free(part);
    throw error;
  }
  return parts;
}

/** The number of elements of all arrays. */
export function lengthOf(arrays: readonly Float32Array[]): number {
  return arrays.reduce((length, array) => length + array.length, 0);
}
