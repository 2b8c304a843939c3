// The kernel calls of one update.
import type { Steps } from '@polyak/core/kit';
import type { Texture } from 'gpu.js';
import type { Device } from '../device.js';
import type { KernelSource } from './kernel-sources.js';
import { AVERAGE, DELTA, DIFFERENCE, ERROR, SUM } from './kernel-sources.js';
import type { Layout } from '../texture.js';

/** Elements on the device, part by part. */
export type Field = readonly Texture[];

/** The averages, and the residuals where they are compensated. */
export type State = readonly Field[];

/** The live weights, part by part, with the layout of each part. */
interface Live {
  readonly layouts: readonly Layout[];
  readonly live: Field;
}

/**
 * The state after one update.
 *
 * @param device - where to compute
 * @param state - not changed
 * @param live - has the same parts
 * @param weight - in [0, 1]
 * @returns new fields, one for each of `state`
 */
export function* step(
  device: Device,
  [averages = [], residuals]: State,
  { layouts, live }: Live,
  weight: number,
): Steps<State> {
  const w = Math.fround(weight);
  const map = (source: KernelSource, ...fields: readonly Field[]): Steps<Field> =>
    mapped(device, layouts, source, fields);
  if (residuals === undefined) {
    return [yield* mapped(device, layouts, AVERAGE, [averages, live], w)];
  }
  const made: Field[] = [];
  const note = (field: Field): Field => {
    made.push(field);
    return field;
  };
  try {
    const deltas = note(yield* mapped(device, layouts, DELTA, [averages, residuals, live], w));
    const sums = note(yield* map(SUM, averages, deltas));
    const visible = note(yield* map(DIFFERENCE, sums, averages));
    const errors = yield* map(ERROR, averages, deltas, sums, visible);
    freeFields([deltas, visible]);
    return [sums, errors];
  } catch (error) {
    freeFields(made);
    throw error;
  }
}

/** Deletes the textures. */
export function freeFields(fields: readonly Field[]): void {
  for (const texture of fields.flat()) texture.delete();
}

/** Runs a kernel on every part. */
function* mapped(
  device: Device,
  layouts: readonly Layout[],
  source: KernelSource,
  fields: readonly Field[],
  weight?: number,
): Steps<Field> {
  const parts: Texture[] = [];
  try {
    for (const [part, layout] of layouts.entries()) {
      const stored = fields.map((field) => field[part] as Texture);
      const rest = weight === undefined ? [] : [weight];
      parts.push(yield* device.run(source(layout.output.length), layout, [...stored, ...rest]));
    }
  } catch (error) {
    freeFields([parts]);
    throw error;
  }
  return parts;
}
