// What a layout is written as, in memory.
import type { Checkpoint, OutputLayout } from '@polyak/checkpoints';
import { fromSources, openCheckpoint } from '@polyak/checkpoints';
import { bytesSource } from '@polyak/safetensors';

/** Files by their names. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** Opens a checkpoint in memory. */
export function open(files: Files, main: string): Promise<Checkpoint> {
  const sources = [...files].map(([name, bytes]) => [name, bytesSource(bytes)] as const);
  return openCheckpoint(main, fromSources(new Map(sources)));
}

/** The bytes of a tensor. */
export async function bytesOf(checkpoint: Checkpoint, name: string): Promise<Uint8Array> {
  const place = checkpoint.tensors.get(name);
  if (place === undefined) throw new RangeError(`no tensor ${name}`);
  const { file, begin, byteLength } = place;
  const bytes = await checkpoint.files[file]?.source.read(begin, byteLength);
  return Uint8Array.from(bytes ?? []);
}

/** The elements of a tensor of float32. */
export async function floatsOf(checkpoint: Checkpoint, name: string): Promise<number[]> {
  const bytes = await bytesOf(checkpoint, name);
  return [...new Float32Array(bytes.buffer)];
}

/** A request for a copy of a checkpoint, changed by `changes`. */
export function requestFor(
  { tensors, metadata }: Checkpoint,
  name: string,
): Parameters<Checkpoint['layout']>[0] {
  const outputs = [...tensors].map(([key, { dtype, shape }]) => {
    return [key, { dtype, shape, replaces: key }] as const;
  });
  return { name, tensors: new Map(outputs), metadata };
}

/** Writes a layout: the elements of each tensor are what `elements` returns. */
export async function written(
  { files }: OutputLayout,
  elements: (name: string) => Uint8Array | Promise<Uint8Array>,
): Promise<Files> {
  const result = new Map<string, Uint8Array>();
  for (const { name, pieces } of files) {
    const parts: Uint8Array[] = [];
    for (const piece of pieces) {
      if (piece.kind === 'bytes') parts.push(piece.bytes);
      else if (piece.kind === 'copy') {
        parts.push(await piece.source.read(piece.begin, piece.byteLength));
      } else {
        const bytes = await elements(piece.name);
        if (bytes.byteLength !== piece.byteLength) throw new RangeError(`the length of ${name}`);
        parts.push(bytes);
      }
    }
    result.set(name, Uint8Array.from(Buffer.concat(parts)));
  }
  return result;
}

/** A copy of a checkpoint, as its layout has it. */
export async function copyOf(checkpoint: Checkpoint, name: string): Promise<Files> {
  const layout = await checkpoint.layout(requestFor(checkpoint, name));
  return await written(layout, (tensor) => bytesOf(checkpoint, tensor));
}
