// Reads the next unit while the last one is merged. Two slots of memory take turns: the kernel of
// an operating system copies into one while this thread works in the other.
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
 * Units with their operands in memory, in order. While one is in use, the next is read.
 *
 * @param units - what to read
 * @param slots - two of them
 * @param bytes - the memory that they are in
 */
export async function* loadedUnits(
  units: Iterable<Unit>,
  slots: readonly [Slot, Slot],
  bytes: Uint8Array,
): AsyncGenerator<LoadedUnit> {
  const iterator = units[Symbol.iterator]();
  let turn = 0;
  const next = (): Promise<LoadedUnit | undefined> => {
    const { value, done } = iterator.next();
    if (done === true) return Promise.resolve(undefined);
    const slot = slots[turn % 2] as Slot;
    turn += 1;
    const loading = load(value, slot, bytes);
    // Its error is thrown when it is this unit's turn.
    loading.catch(() => undefined);
    return loading;
  };
  let loading = next();
  try {
    for (;;) {
      const loaded = await loading;
      if (loaded === undefined) return;
      loading = next();
      yield loaded;
    }
  } finally {
    // No read may fill the memory after this.
    await loading.catch(() => undefined);
  }
}

async function load(unit: Unit, slot: Slot, bytes: Uint8Array): Promise<LoadedUnit> {
  await slot.written;
  await Promise.all(
    unit.reads.map(async ({ source, begin, byteLength, address }) => {
      const at = slot.address + address;
      const target = bytes.subarray(at, at + byteLength);
      if (source.readInto === undefined) target.set(await source.read(begin, byteLength));
      else await source.readInto(begin, target);
    }),
  );
  return { unit, slot };
}
