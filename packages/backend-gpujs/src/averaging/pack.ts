// Many tensors side by side in a few large textures, so that an update of all of them costs a
// handful of kernel calls.
import type { Texture } from 'gpu.js';
import type { Steps } from '@polyak/core/kit';
import type { Device } from '../device.js';
import { COPY, RUN } from './kernel-sources.js';
import type { Layout } from '../texture.js';

/**
 * The elements of one texture: as many as any device can have in one, and integers are exact in
 * float32 so far. Whole runs.
 */
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

  constructor(pack: Pack, { start, length }: GpujsSlice) {
    this.pack = pack;
    this.start = start;
    this.length = length;
  }
}

/** Tensors one behind the other, cut into parts. The textures live as long as one of its slices. */
export class Pack {
  readonly device: Device;
  readonly plan: PackPlan;
  readonly parts: readonly Texture[];
  #users = 0;

  /**
   * @param device - where it lies
   * @param plan - where each tensor lies in it
   * @param parts - textures with the layouts of the plan
   */
  constructor(device: Device, plan: PackPlan, parts: readonly Texture[]) {
    this.device = device;
    this.plan = plan;
    this.parts = parts;
  }

  /** The stretches of its tensors. */
  slices(): readonly Slice[] {
    this.#users += this.plan.stretches.length;
    return this.plan.stretches.map((stretch) => new Slice(this, stretch));
  }

  /** Gives up one slice. With the last one the textures are deleted. */
  release(): void {
    this.#users -= 1;
    if (this.#users === 0) for (const part of this.parts) part.delete();
  }

  /** All elements, on the host. */
  *read(): Steps<Float32Array> {
    return yield* readParts(this.device, this.plan, this.parts);
  }
}

/** Where tensors lie in a pack. */
export interface PackPlan {
  /** Of each tensor. Each begins with a run of its own, so that a run is of one tensor. */
  readonly stretches: readonly GpujsSlice[];
  /** The number of elements, gaps included. */
  readonly length: number;
  /** Of the parts. */
  readonly layouts: readonly Layout[];
}

/** @param lengths - of the tensors, in elements */
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
  return { stretches, length, layouts };
}

/** The pack that a list of slices is, all of it and in its order. */
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

/** The elements of one part: a view where one array has them all, and a copy elsewhere. */
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
