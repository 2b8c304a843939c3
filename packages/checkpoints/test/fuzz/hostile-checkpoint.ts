// What may become of a checkpoint whose files are hostile: it is refused, or it can be merged.
import { posix, win32 } from 'node:path';
import type { Checkpoint, MergeOptions, MergePlan, OutputSink } from '@polyak/checkpoints';
import { mean, openCheckpoint, planMerge, runMerge } from '@polyak/checkpoints';
import { PolyakError } from '@polyak/core';
import { bytesSource } from '@polyak/safetensors';
import { expect } from 'vitest';
import type { Files } from '../formats/outputs.js';
import { copyOf, open } from '../formats/outputs.js';
import type { Sample } from './samples.js';

// A refusal may list 20 differences, each of which may quote a name.
const LONGEST_MESSAGE = 10_000;

/** Tensors of the samples that cannot be merged. */
const ODD = ['text', 'bytes'];

/** Options of a merge of one or two checkpoints. */
export type Options = Omit<MergeOptions, 'method' | 'base'>;

/** What a promise is fulfilled with; undefined where it is rejected by one of the codes. */
async function unlessRefused<T>(
  promise: Promise<T>,
  codes: readonly string[],
): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (!PolyakError.is(error) || !codes.includes(error.code)) throw error;
    expect(error.message.length).toBeLessThan(LONGEST_MESSAGE);
    return undefined;
  }
}

/** Requires that a name is that of a file in a folder, on any system. */
function requireInside(name: string): void {
  const isInside = [posix, win32].every(({ normalize, isAbsolute, sep }) => {
    const [first = ''] = normalize(name).split(sep);
    return !isAbsolute(name) && !['', '.', '..'].includes(first) && !/^[a-z]:/i.test(first);
  });
  expect([name, isInside]).toEqual([name, true]);
}

/** Opens a checkpoint; no file outside of its folder may be asked for. */
export async function opened({ main, files }: Sample): Promise<Checkpoint | undefined> {
  const from = (name: string): ReturnType<Parameters<typeof openCheckpoint>[1]> => {
    requireInside(name);
    const bytes = files.get(posix.normalize(name));
    if (bytes === undefined) return Promise.reject(new RangeError('there is no such file'));
    return Promise.resolve({ name, source: bytesSource(bytes) });
  };
  const checkpoint = await unlessRefused(openCheckpoint(main, from), ['ERR_CHECKPOINT']);
  for (const [name, { file, begin, byteLength }] of checkpoint?.tensors ?? []) {
    const size = checkpoint?.files[file]?.source.size ?? -1;
    expect([name, begin >= 0 && byteLength >= 0 && begin + byteLength <= size]).toEqual([
      name,
      true,
    ]);
  }
  return checkpoint;
}

/** Copies a checkpoint; the copy has the same tensors. */
export async function requireCopy(checkpoint: Checkpoint, main: string): Promise<void> {
  const files = await copyOf(checkpoint, main);
  for (const name of files.keys()) requireInside(name);
  const again = await open(files, [...files.keys()].at(-1) ?? '');
  expect(outlineOf(again.tensors)).toEqual(outlineOf(checkpoint.tensors));
}

/**
 * Merges checkpoints into files in memory, which can be opened and have the tensors planned.
 *
 * @returns whether they fit together
 */
export async function requireMerge(
  checkpoints: readonly Checkpoint[],
  main: string,
  options: Options,
): Promise<boolean> {
  const odd = ODD.filter((name) => checkpoints.every(({ tensors }) => tensors.has(name)));
  const names = odd.length === 0 ? {} : { names: { exclude: odd } };
  const method = mean(checkpoints.length);
  const planned = planMerge(checkpoints, main, { ...names, ...options, method });
  const plan = await unlessRefused(planned, ['ERR_MISMATCH']);
  if (plan === undefined) return false;
  const files = filesFor(plan);
  const run = runMerge(plan, sinkOf(files));
  if ((await unlessRefused(run, ['ERR_NON_FINITE', 'ERR_MISMATCH'])) === undefined) return false;
  const again = await open(files, plan.layout.files.at(-1)?.name ?? '');
  expect(outlineOf(again.tensors)).toEqual(outlineOf(plan.request.tensors));
  return true;
}

/** Zeroed files of the lengths planned, in the folder of the output. */
function filesFor({ layout, bytesToWrite }: MergePlan): Files {
  const files = new Map<string, Uint8Array>();
  let total = 0;
  for (const { name, pieces } of layout.files) {
    requireInside(name);
    let size = 0;
    for (const piece of pieces) {
      size += piece.kind === 'bytes' ? piece.bytes.byteLength : piece.byteLength;
    }
    expect(files.has(name)).toBe(false);
    files.set(name, new Uint8Array(size));
    total += size;
  }
  expect(bytesToWrite).toBe(total);
  return files;
}

function sinkOf(files: Files): OutputSink {
  const done = (): Promise<void> => Promise.resolve();
  return {
    write: async (name, position, bytes) => files.get(name)?.set(bytes, position),
    checkpoint: done,
    publish: done,
    abandon: done,
  };
}

function outlineOf(
  tensors: ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[] }>,
): unknown {
  return new Map(
    [...tensors].map(([name, { dtype, shape }]) => [name, `${dtype}[${shape.join()}]`]),
  );
}
