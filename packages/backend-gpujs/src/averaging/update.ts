// One update on the device. Averages of host arrays are packed and updated together; averages of
// textures are updated one by one.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { Steps } from '@polyak/core/kit';
import type { Texture } from 'gpu.js';
import type { Data } from './data.js';
import { freeData, hostArrays, textureOf } from './data.js';
import type { Device } from '../device.js';
import { Pack, packArrays, packOf, packPlan, readParts } from './pack.js';
import type { PackPlan } from './pack.js';
import { beginStatus, runsIn, statusOf } from './status.js';
import type { Status } from './status.js';
import { freeFields, step } from './step.js';
import type { Field, State } from './step.js';
import type { Layout } from '../texture.js';
import { isTexture, layoutOf, signatureOf } from '../texture.js';

/** One average to update. */
export interface UpdateItem {
  /** The average, and the residual where it is compensated. */
  readonly state: readonly Data[];
  readonly live: Data;
  readonly weight: number;
}

/** One updated average, which the caller frees. */
export interface UpdatedItem extends Status {
  /** Textures of the live tensor's layout if that is a texture, otherwise slices of a pack. */
  readonly state: readonly Data[];
}

/**
 * The states after one update, finite or not. The old ones are not changed and stay the caller's.
 *
 * @param device - where to compute
 * @param items - all data of one item have the same number of elements
 */
export function* updated(
  device: Device,
  items: readonly UpdateItem[],
): Steps<readonly UpdatedItem[]> {
  const batches: Batch[] = [];
  // Textures for this update only.
  const temporary: Field[] = [];
  const results: UpdatedItem[] = [];
  try {
    const uploads: Upload[] = [];
    for (const places of groupsOf(items)) {
      const own = places.map((place) => items[place] as UpdateItem);
      const terms = yield* termsOf(device, own, uploads, temporary);
      const next = yield* step(device, terms.state, terms, own[0]?.weight ?? 0);
      const batch: Batch = { ...terms, places, items: own, next, words: [] };
      batches.push(batch);
      for (const part of terms.layouts.keys()) {
        const words = yield* beginStatus(device, {
          next: next[0]?.[part] as Texture,
          average: terms.state[0]?.[part] as Texture,
          live: terms.live[part] as Texture,
          runs: terms.runs[part] ?? [],
        });
        batch.words.push(words);
      }
    }
    // Read after all kernels are queued.
    for (const batch of batches) {
      const settled = yield* settle(device, batch);
      settled.forEach((result, n) => (results[batch.places[n] as number] = result));
    }
    return results;
  } catch (error) {
    for (const { next, isSettled } of batches) if (isSettled !== true) freeFields(next);
    freeData(results.flatMap(({ state }) => state));
    throw error;
  } finally {
    freeFields([...temporary, ...batches.map(({ words }) => words)]);
  }
}

/** Arguments of {@link step}: the elements of some items, as textures. */
interface Terms {
  /** Of a pack; absent if the item is a texture. */
  readonly plan?: PackPlan;
  readonly layouts: readonly Layout[];
  /** For each part, how many runs of each item it has. */
  readonly runs: readonly (readonly number[])[];
  readonly state: State;
  readonly live: Field;
}

/** Items that the same kernel calls update. */
interface Batch extends Terms {
  readonly places: readonly number[];
  readonly items: readonly UpdateItem[];
  /** The status of each part's items. */
  readonly words: Texture[];
  /** The new state. The host may replace it with a corrected one. */
  next: State;
  /** Whether the result owns `next`. */
  isSettled?: boolean;
}

/** Live arrays that were uploaded. Averages by several rules share them. */
interface Upload {
  readonly list: readonly Data[];
  readonly parts: Field;
}

/** The places of the items that are updated together: those in one pack, or to be packed. */
function groupsOf(items: readonly UpdateItem[]): Iterable<readonly number[]> {
  const groups = new Map<unknown, Map<string, number[]>>();
  for (const [place, { state, live, weight }] of items.entries()) {
    const [average] = state;
    const packed = typeof average === 'object' && 'pack' in average ? average.pack : undefined;
    const key = isTexture(live) ? live : packed;
    // Several averages may have the same live texture.
    const terms = isTexture(live) ? `${place}` : `${state.length} ${weight}`;
    const group = groups.get(key) ?? new Map<string, number[]>();
    groups.set(key, group);
    group.set(terms, [...(group.get(terms) ?? []), place]);
  }
  return [...groups.values()].flatMap((group) => [...group.values()]);
}

function* termsOf(
  device: Device,
  items: readonly UpdateItem[],
  uploads: Upload[],
  temporary: Field[],
): Steps<Terms> {
  const [first] = items;
  const note = (field: Field): Field => {
    temporary.push(field);
    return field;
  };
  if (first !== undefined && isTexture(first.live)) {
    const { state, live } = first;
    const layout = layoutOf(live, 'A live tensor');
    const fields: Field[] = [];
    for (const data of state) {
      if (isTexture(data) && signatureOf(data) === signatureOf(live)) {
        fields.push([data]);
      } else {
        const [array] = yield* hostArrays(device, [data]);
        fields.push(note([yield* textureOf(device, array as Float32Array, layout)]));
      }
    }
    const runs = [[runsIn(statusLength([layout]))]];
    return { layouts: [layout], runs, state: fields, live: [live] };
  }
  const list = items.map(({ live }) => live);
  const arrays = yield* hostArrays(device, list);
  const plan = packPlan(arrays.map(({ length }) => length));
  const known = uploads.find((each) => isSameList(each.list, list))?.parts;
  const live = known ?? note(yield* packArrays(device, plan, arrays));
  if (known === undefined) uploads.push({ list, parts: live });
  const state: Field[] = [];
  for (const n of (first?.state ?? []).keys()) {
    const parts = items.map((item) => item.state[n] as Data);
    const pack = packOf(parts);
    state.push(
      pack?.parts ?? note(yield* packArrays(device, plan, yield* hostArrays(device, parts))),
    );
  }
  return { plan, layouts: plan.layouts, runs: plan.runs, state, live };
}

function isSameList(a: readonly Data[], b: readonly Data[]): boolean {
  return a.length === b.length && a.every((data, n) => data === b[n]);
}

/** The results of a batch, after its words have been read. */
function* settle(device: Device, batch: Batch): Steps<readonly UpdatedItem[]> {
  const sums = batch.items.map(() => 0);
  for (const [part, texture] of batch.words.entries()) {
    const words = (yield* device.read(texture)).values();
    batch.runs[part]?.forEach((runs, n) => {
      if (runs > 0) sums[n] = (sums[n] ?? 0) + (words.next().value ?? 0);
    });
  }
  const statuses = sums.map(statusOf);
  yield* correct(device, batch, statuses);
  const { plan, next } = batch;
  const states =
    plan === undefined
      ? next.map((field) => field.slice(0, 1))
      : next.map((parts) => new Pack(device, plan, parts).slices());
  batch.isSettled = true;
  return statuses.map((status, n) => ({
    ...status,
    state: states.map((list) => list[n] as Data),
  }));
}

/**
 * Computes results that are not finite again with the kernels of the host, which do not overflow
 * between finite values, so that all backends refuse the same updates. This is rare, and may read
 * the whole batch.
 */
function* correct(device: Device, batch: Batch, statuses: Status[]): Steps<void> {
  if (statuses.every(({ isFinite }) => isFinite)) return;
  const { layouts, items, state, live } = batch;
  const plan = batch.plan ?? packPlan([statusLength(layouts)]);
  const flat = function* (field: Field): Steps<Float32Array> {
    return yield* readParts(device, plan, field);
  };
  const [olds, lives, nexts] = [[] as Float32Array[], yield* flat(live), [] as Float32Array[]];
  for (const field of state) olds.push(yield* flat(field));
  for (const field of batch.next) nexts.push(yield* flat(field));
  for (const [n, { start, length }] of plan.stretches.entries()) {
    if (statuses[n]?.isFinite === true) continue;
    const stretch = (all: Float32Array): Float32Array => all.subarray(start, start + length);
    const [average = new Float32Array(), residual] = olds.map(stretch);
    const result = hostKernels().average(
      [{ average, residual, live: stretch(lives), weight: items[n]?.weight ?? 0 }],
      { allowNonFinite: true },
    );
    const [item] = result.kind === 'averaged' ? result.items : [];
    if (item === undefined) continue;
    statuses[n] = { isFinite: item.isFinite, hasMoved: item.hasMoved };
    [item.average, item.residual].forEach((data, place) => {
      if (data !== undefined) nexts[place]?.set(data, start);
    });
  }
  const corrected: Field[] = [];
  try {
    for (const all of nexts) {
      const arrays = plan.stretches.map(({ start, length }) => all.subarray(start, start + length));
      corrected.push(
        batch.plan === undefined
          ? [yield* textureOf(device, all, layouts[0] as Layout)]
          : yield* packArrays(device, plan, arrays),
      );
    }
  } catch (error) {
    freeFields(corrected);
    throw error;
  }
  freeFields(batch.next);
  batch.next = corrected;
}

function statusLength([layout]: readonly Layout[]): number {
  return (layout?.output ?? []).reduce((product, extent) => product * extent, 1);
}
