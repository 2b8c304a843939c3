// What a merge was begun with, so that it is resumed with nothing else.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { OutputLayout, Piece } from '../checkpoint.js';

/** An input as it was when a merge began. */
export interface InputState {
  /** Its path. */
  readonly name: string;
  /** Its length in bytes. */
  readonly byteLength: number;
  /** When it was modified, in ms since 1970. */
  readonly modified: number;
}

/**
 * What the inputs of a merge are like now.
 *
 * @param paths - of the files of all inputs
 */
export async function inputStates(paths: readonly string[]): Promise<InputState[]> {
  const states: InputState[] = [];
  for (const path of paths) {
    const { size, mtimeMs } = await stat(path);
    states.push({ name: path, byteLength: size, modified: mtimeMs });
  }
  return states;
}

/** The names of the inputs that differ. */
export function changedInputs(
  before: readonly InputState[],
  now: readonly InputState[],
): readonly string[] {
  const old = new Map(before.map((input) => [input.name, input]));
  return now.flatMap(({ name, byteLength, modified }) => {
    const same = old.get(name);
    return same?.byteLength === byteLength && same.modified === modified ? [] : [name];
  });
}

/**
 * Stands for all that an output is made of, but the contents of its inputs: the layout with its
 * headers, in which the record of the merge has zeros for checksums.
 *
 * @param layout - of the output
 * @param request - what else the bytes depend on, as JSON
 * @returns 64 hex digits
 */
export function planHash(layout: OutputLayout, request: unknown): string {
  const hash = createHash('sha256');
  const add = (value: unknown): unknown => hash.update(`${JSON.stringify(value)}\n`);
  add(request ?? null);
  for (const { name, pieces } of layout.files) {
    add([name, pieces.length]);
    for (const piece of pieces) {
      if (piece.kind === 'tensor') add([piece.kind, piece.name, piece.byteLength]);
      else add([piece.kind, pieceLength(piece)]);
      if (piece.kind === 'bytes') hash.update(piece.bytes);
    }
  }
  return hash.digest('hex');
}

/**
 * Stands for what is asked for, which is known before inputs are opened.
 *
 * @param request - as JSON
 * @returns 64 hex digits
 */
export function requestHash(request: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(request ?? null))
    .digest('hex');
}

/** The length of a piece in bytes. */
export function pieceLength(piece: Piece): number {
  return piece.kind === 'bytes' ? piece.bytes.byteLength : piece.byteLength;
}
