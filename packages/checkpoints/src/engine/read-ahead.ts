// Reads the next units while one is merged. Slots of memory take turns: the operating system copies
// into some while this thread works in another.
import type { Unit } from './units.js';

/** Memory for one unit. */
export interface Slot {
  /** The address of its first byte. */
  readonly address: number;
  /** The writes that still read from it. */
  written: Promise<unknown>;
}

/** A unit whose operands are in memory. */
export interface LoadedUnit {
  readonly unit: Unit;
  readonly slot: Slot;
}

/**
 * Units with their operands in memory, in order. While one is in use, the next ones are read into
 * the other slots.
 *
 * @param units - what to read
 * @param slots - two or more
 * @param bytes - the memory that they are in
 */
export async function* loadedUnits(
  units: Iterable<Unit>,
  slots: readonly Slot[],
  bytes: Uint8Array,
): AsyncGenerator<LoadedUnit> {
  const iterator = units[Symbol.iterator]();
  const loading: Promise<LoadedUnit>[] = [];
  const begin = (slot: Slot): void => {
    const { value, done } = iterator.next();
    if (done === true) return;
    const unit = load(value, slot, bytes);
    // Its error is thrown when it is this unit's turn.
    unit.catch(() => undefined);
    loading.push(unit);
  };
  try {
    slots.slice(1).forEach(begin);
    let free = slots[0] as Slot;
    for (let next = loading.shift(); next !== undefined; next = loading.shift()) {
      const loaded = await next;
      begin(free);
      yield loaded;
      free = loaded.slot;
    }
  } finally {
    // No read may fill the memory after this.
    await Promise.allSettled(loading);
  }
}

async function load(unit: Unit, slot: Slot, bytes: Uint8Array): Promise<LoadedUnit> {
  await slot.written;
  const reads = unit.reads.map(async ({ source, begin, byteLength, address }) => {
    const at = slot.address + address;
    const target = bytes.subarray(at, at + byteLength);
    if (source.readInto === undefined) target.set(await source.read(begin, byteLength));
    else await source.readInto(begin, target);
  });
  try {
    await Promise.all(reads);
  } finally {
    // Where one failed, the others may still go on.
    await Promise.allSettled(reads);
  }
  return { unit, slot };
}
