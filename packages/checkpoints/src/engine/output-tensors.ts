// Where the tensors of an output are: in its files, and one after the other by their names, as they
// are for the checksum of the output. That does not depend on which file has which tensor.
import { PolyakError } from '@polyak/core';
import type { OutputLayout } from '../checkpoint.js';
import { lengthOf } from '../merge/segments.js';

/** The tensors of one file, in its order. */
export interface FileTensors {
  readonly names: readonly string[];
  /** Where they begin in the file. */
  readonly begins: readonly number[];
  /** Where they end in the file. */
  readonly ends: readonly number[];
  /** Where they begin among all tensors. */
  readonly positions: readonly number[];
}

const known = new WeakMap<OutputLayout, readonly FileTensors[]>();

/** The tensors of each file of a layout. They are found once: parts of a merge share a layout. */
export function outputTensors(layout: OutputLayout): readonly FileTensors[] {
  const found = known.get(layout) ?? tensorsOf(layout);
  known.set(layout, found);
  return found;
}

/**
 * The index of the tensor that a byte of a file belongs to.
 *
 * @param tensors - of the file
 * @param position - of the byte
 */
export function indexAt({ ends }: FileTensors, position: number): number {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] as number) > position) high = middle;
    else low = middle + 1;
  }
  if (low < ends.length) return low;
  throw new PolyakError('ERR_CHECKPOINT', `no tensor at byte ${position}.`);
}

/**
 * The offset of each tensor where all lie one after the other, in the order of their names.
 *
 * @param byteLengths - by name
 */
export function positionsByName(
  byteLengths: Iterable<readonly [name: string, byteLength: number]>,
): ReadonlyMap<string, number> {
  const positions = new Map<string, number>();
  let filled = 0;
  const sorted = [...byteLengths];
  sorted.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, byteLength] of sorted) {
    positions.set(name, filled);
    filled += byteLength;
  }
  return positions;
}

function tensorsOf({ files }: OutputLayout): readonly FileTensors[] {
  const byteLengths: [string, number][] = [];
  for (const { pieces } of files) {
    for (const piece of pieces) {
      if (piece.kind === 'tensor') byteLengths.push([piece.name, piece.byteLength]);
    }
  }
  const all = positionsByName(byteLengths);
  return files.map((file) => {
    const names: string[] = [];
    const begins: number[] = [];
    const ends: number[] = [];
    const positions: number[] = [];
    let position = 0;
    for (const piece of file.pieces) {
      const begin = position;
      position += lengthOf(piece);
      if (piece.kind !== 'tensor') continue;
      names.push(piece.name);
      begins.push(begin);
      ends.push(position);
      positions.push(all.get(piece.name) as number);
    }
    return { names, begins, ends, positions };
  });
}
