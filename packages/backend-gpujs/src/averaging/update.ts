// Averages moved towards the live tensors: those of host arrays packed and all at once, those of
// textures where they are.
import type { Texture } from 'gpu.js';
import type { Data } from './data.js';
import { freeData, hostArrays, textureOf } from './data.js';
import type { Argument, Device } from '../device.js';
import type { Storage } from '../gpu.js';
import type { KernelSource } from './kernel-sources.js';
import { AVERAGE, DELTA, DIFFERENCE, ERROR, SUM } from './kernel-sources.js';
import { lengthOf, Pack, packArrays, packed, packLayouts, packOf } from './pack.js';
import type { Layout } from '../texture.js';
import { isTexture, layoutOf, signatureOf } from '../texture.js';

/** The state of one live tensor: its average, or its average and the residual that it carries. */
export type State = readonly Data[];

/** Elements on the device, part by part. */
type Field = readonly Storage[];

/** The live elements, part by part, and what the parts look like. */
interface Live {
  readonly layouts: readonly Layout[];
  argument(part: number): Argument;
}

/**
 * The states after one update. The old ones stay as they are, and the caller's.
 *
 * @param device - where to compute
 * @param states - one for each live tensor, with as many elements
 * @param live - arrays and textures
 * @param weight - in [0, 1]
 * @returns the new states: textures of the same layout where the live tensor is one, slices of one
 * pack elsewhere
 */
export async function moved(
  device: Device,
  states: readonly State[],
  live: readonly Data[],
  weight: number,
): Promise<readonly State[]> {
  const results: State[] = [];
  const hosted = [...live.keys()].filter((place) => !isTexture(live[place]));
  try {
    const slices = await movedPack(
      device,
      hosted.map((place) => states[place] as State),
      hosted.map((place) => live[place] as Data),
      weight,
    );
    slices.forEach((state, n) => (results[hosted[n] as number] = state));
    for (const [place, data] of live.entries()) {
      if (isTexture(data))
        results[place] = await movedTextures(device, states[place] as State, data, weight);
    }
  } catch (error) {
    for (const data of results.flat()) freeData(device, data);
    throw error;
  }
  return results;
}

async function movedPack(
  device: Device,
  states: readonly State[],
  live: readonly Data[],
  weight: number,
): Promise<readonly State[]> {
  const arrays = await hostArrays(device, live);
  const lengths = arrays.map(({ length }) => length);
  const layouts = packLayouts(lengthOf(arrays));
  const temporary: Field[] = [];
  try {
    const fields: Field[] = [];
    for (const n of states[0]?.keys() ?? []) {
      const list = states.map((state) => state[n] as Data);
      let field = packOf(list)?.parts;
      if (field === undefined) {
        field = await packArrays(device, await hostArrays(device, list));
        temporary.push(field);
      }
      fields.push(field);
    }
    const next = await step(
      device,
      fields,
      { layouts, argument: (part) => packed(arrays, part) },
      weight,
    );
    const slices = next.map((parts) => new Pack(device, lengthOf(arrays), parts).slices(lengths));
    return live.map((_, place) => slices.map((list) => list[place] as Data));
  } finally {
    free(device, temporary);
  }
}

async function movedTextures(
  device: Device,
  state: State,
  live: Texture,
  weight: number,
): Promise<readonly Texture[]> {
  const layout = layoutOf(live, 'A live tensor');
  const temporary: Field[] = [];
  try {
    const fields: Field[] = [];
    for (const data of state) {
      if (isTexture(data) && signatureOf(data) === signatureOf(live)) {
        fields.push([data]);
      } else {
        const [array] = await hostArrays(device, [data]);
        const field = [await textureOf(device, array as Float32Array, layout)];
        temporary.push(field);
        fields.push(field);
      }
    }
    const next = await step(device, fields, { layouts: [layout], argument: () => live }, weight);
    return next.map(([texture]) => texture as Texture);
  } finally {
    free(device, temporary);
  }
}

/** One update of the averages, or of the averages and the residuals. */
async function step(
  device: Device,
  [averages = [], residuals]: readonly Field[],
  live: Live,
  weight: number,
): Promise<readonly Field[]> {
  // A kernel rounds a number to float32 where it computes in float32, and where it does not, this
  // does.
  const w = Math.fround(weight);
  if (residuals === undefined) return [await map(device, AVERAGE, [averages], live, w)];
  const made: Field[] = [];
  const note = (field: Field): Field => {
    made.push(field);
    return field;
  };
  try {
    const deltas = note(await map(device, DELTA, [averages, residuals], live, w));
    const sums = note(await map(device, SUM, [averages, deltas], live));
    const visible = note(await map(device, DIFFERENCE, [sums, averages], live));
    const errors = await map(device, ERROR, [averages, deltas, sums, visible], live);
    free(device, [deltas, visible]);
    return [sums, errors];
  } catch (error) {
    free(device, made);
    throw error;
  }
}

/** A kernel over all parts. One with a weight reads the live elements too, before it. */
async function map(
  device: Device,
  source: KernelSource,
  fields: readonly Field[],
  { layouts, argument }: Live,
  weight?: number,
): Promise<Field> {
  const parts: Storage[] = [];
  try {
    for (const [part, layout] of layouts.entries()) {
      const stored = fields.map((field) => field[part] as Storage);
      const rest = weight === undefined ? [] : [argument(part), weight];
      parts.push(await device.run(source(layout.output.length), layout, [...stored, ...rest]));
    }
  } catch (error) {
    free(device, [parts]);
    throw error;
  }
  return parts;
}

function free(device: Device, fields: readonly Field[]): void {
  for (const storage of fields.flat()) device.free(storage);
}
