// Packs many tensors into a few large textures, so that an update takes only a few kernel calls.
import type { Texture } from 'gpu.js';
import type { Steps } from '@polyak/core/kit';
import type { Device } from '../device.js';
import { COPY, RUN } from './kernel-sources.js';
import type { Layout } from '../texture.js';

/**
 * The number of elements of one texture. Every device allows as many, and float32 can index them
 * exactly. A multiple of {@link RUN}.
 */
const PART_LENGTH = 2 ** 24;

/** The place of one average in a pack. Only the backend makes and reads it. */
export interface GpujsSlice {
  /** The first element. */
  readonly start: number;
  /** The number of elements. */
  readonly length: number;
}

/** The place of one average, with the pack that it lies in. */
export class Slice implements GpujsSlice {
  readonly pack: Pack;
  readonly start: number;
  readonly length: number;

  constructor(pack: Pack, { start, length }: GpujsSlice) {
    this.pack = pack;
    this.start = start;
    this.length = length;
  }
}

/** Tensors in sequence, cut into parts. The textures live until the last slice is released. */
export class Pack {
  readonly device: Device;
  readonly plan: PackPlan;
  readonly parts: readonly Texture[];
  #users = 0;

  /**
   * @param device - that has the textures
   * @param plan - the place of each tensor
   * @param parts - textures with the layouts of the plan
   */
  constructor(device: Device, plan: PackPlan, parts: readonly Texture[]) {
    this.device = device;
    this.plan = plan;
    this.parts = parts;
  }

  /** One slice for each tensor. */
  slices(): readonly Slice[] {
    this.#users += this.plan.stretches.length;
    return this.plan.stretches.map((stretch) => new Slice(this, stretch));
  }

  /** Releases one slice. The last one deletes the textures. */
  release(): void {
    this.#users -= 1;
    if (this.#users === 0) for (const part of this.parts) part.delete();
  }

  /** All elements, on the host. */
  *read(): Steps<Float32Array> {
    return yield* readParts(this.device, this.plan, this.parts);
  }
}

/** The layout of a pack. */
export interface PackPlan {
  /** The place of each tensor. Each starts a new run, so that no run has elements of two. */
  readonly stretches: readonly GpujsSlice[];
  /** The number of elements, gaps included. */
  readonly length: number;
  /** Of the parts. */
  readonly layouts: readonly Layout[];
  /** For each part, how many runs of each tensor it has. */
  readonly runs: readonly (readonly number[])[];
}

/**
 * Plans a pack.
 *
 * @param lengths - of the tensors, in elements
 */
export function packPlan(lengths: readonly number[]): PackPlan {
  let start = 0;
  const stretches = lengths.map((length) => {
    const stretch = { start, length };
    start += Math.ceil(length / RUN) * RUN;
    return stretch;
  });
  const length = Math.max(0, ...stretches.map((stretch) => stretch.start + stretch.length));
  const layouts = Array.from({ length: Math.ceil(length / PART_LENGTH) }, (_, part) => ({
    output: [Math.min(PART_LENGTH, length - part * PART_LENGTH)],
    optimizeFloatMemory: true,
  }));
  const runs = layouts.map((_, part) =>
    stretches.map((stretch) => {
      const begin = Math.max(stretch.start, part * PART_LENGTH);
      const end = Math.min(stretch.start + stretch.length, (part + 1) * PART_LENGTH);
      return Math.max(0, Math.ceil((end - begin) / RUN));
    }),
  );
  return { stretches, length, layouts, runs };
}

/** The pack whose slices these are, if they are all of its slices in their order. */
export function packOf(list: readonly unknown[]): Pack | undefined {
  const [first] = list;
  if (!(first instanceof Slice)) return undefined;
  const { pack } = first;
  const { stretches } = pack.plan;
  const isAll =
    list.length === stretches.length &&
    list.every(
      (slice, n) =>
        slice instanceof Slice &&
        slice.pack === pack &&
        slice.start === stretches[n]?.start &&
        slice.length === stretches[n].length,
    );
  return isAll ? pack : undefined;
}

/** The textures of a pack of `arrays`. */
export function* packArrays(
  device: Device,
  plan: PackPlan,
  arrays: readonly Float32Array[],
): Steps<readonly Texture[]> {
  const parts: Texture[] = [];
  try {
    for (const [part, layout] of plan.layouts.entries()) {
      parts.push(yield* device.run(COPY(1), layout, [elementsOf(plan, arrays, part)]));
    }
  } catch (error) {
    for (const part of parts) part.delete();
    throw error;
  }
  return parts;
}

/** The elements of the textures of a pack, on the host. */
export function* readParts(
  device: Device,
  { length }: PackPlan,
  parts: readonly Texture[],
): Steps<Float32Array> {
  const flat = new Float32Array(length);
  for (const [n, part] of parts.entries()) flat.set(yield* device.read(part), n * PART_LENGTH);
  return flat;
}

/** The elements of one part: a view if one array has all of them, otherwise a copy. */
function elementsOf(
  { stretches, layouts }: PackPlan,
  arrays: readonly Float32Array[],
  part: number,
): Float32Array {
  const length = layouts[part]?.output[0] ?? 0;
  const pieces = stretches.flatMap(({ start }, n) => {
    const [array, offset] = [arrays[n] as Float32Array, start - part * PART_LENGTH];
    const [from, to] = [Math.max(0, -offset), Math.min(array.length, length - offset)];
    return from < to ? [{ at: offset + from, elements: array.subarray(from, to) }] : [];
  });
  const [first] = pieces;
  if (first?.elements.length === length) return first.elements;
  const elements = new Float32Array(length);
  for (const piece of pieces) elements.set(piece.elements, piece.at);
  return elements;
}
