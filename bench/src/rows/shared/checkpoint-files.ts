// Checkpoints in files, and merely reading them.
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostTensor } from '@polyak/core/interfaces';
import { halfFromFloat } from '@polyak/core/kit';
import { encodeSafetensorsChunks } from '@polyak/safetensors';

/** What each file holds. */
export interface CheckpointSize {
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
  /** How many elements there are, in how many tensors of one size. */
  readonly elements: number;
  readonly tensors: number;
}

/** Checkpoints of one model in a folder of their own. */
export interface CheckpointFiles {
  readonly inputs: readonly string[];
  /** Where to write what is made of them. */
  readonly output: string;
  /** Removes the folder. */
  readonly remove: () => Promise<void>;
}

/** Writes as many safetensors files. */
export async function checkpointFiles(
  count: number,
  size: CheckpointSize,
): Promise<CheckpointFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'polyak-bench-'));
  const inputs: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const path = join(folder, `checkpoint-${n}.safetensors`);
    await writeFile(path, encodeSafetensorsChunks(tensorsOf(size, n)));
    inputs.push(path);
  }
  return {
    inputs,
    output: join(folder, 'output.safetensors'),
    remove: () => rm(folder, { recursive: true }),
  };
}

/** Memory to read into. Made once: new pages would take longer than reading. */
const PIECES = Array.from({ length: 4 }, () => new Uint8Array(4 * 2 ** 20));

/** Reads files from beginning to end in pieces, several at a time. */
export async function readFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const file = await open(path);
    const { size } = await file.stat();
    let at = 0;
    const readOn = async (piece: Uint8Array): Promise<void> => {
      while (at < size) {
        const from = at;
        at += piece.length;
        await file.read(piece, 0, piece.length, from);
      }
    };
    await Promise.all(PIECES.map(readOn));
    await file.close();
  }
}

function tensorsOf(
  { dtype, elements, tensors }: CheckpointSize,
  seed: number,
): Record<string, HostTensor> {
  const length = elements / tensors;
  // All tensors of a file are the same, so that they are soon made.
  const numbers = Float32Array.from({ length }, (_, i) => Math.sin(i + seed) / 50);
  const data = dtype === 'float32' ? numbers : halfFromFloat(dtype, numbers);
  return Object.fromEntries(
    Array.from({ length: tensors }, (_, n) => [
      `layers.${n}.weight`,
      { dtype, shape: [length], data },
    ]),
  );
}
