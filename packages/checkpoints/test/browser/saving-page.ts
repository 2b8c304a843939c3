// Runs in the page: saves checkpoints into its private file system, and reads them.
import { CheckpointFolder, directoryStore } from '@polyak/checkpoints/saving';
import type { PolyakError } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';

/** What a page finds in the folder. */
export interface Found {
  /** The steps of the checkpoints. */
  readonly steps: readonly number[];
  /** Those that do not load, or hold something else. */
  readonly broken: readonly string[];
  /** The files that are no checkpoints. */
  readonly others: readonly string[];
}

async function home(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle('run', { create: true });
}

async function open(): Promise<CheckpointFolder> {
  return new CheckpointFolder(directoryStore(await home()), { maxToKeep: 3, saveTopK: 1 });
}

/** Saves the checkpoint after the latest one. Returns its step, or the error. */
export async function saveNext(length: number): Promise<unknown> {
  const folder = await open();
  const step = ((await folder.latest())?.step ?? 0) + 1;
  const data = new Float32Array(length).fill(step);
  try {
    const w = { dtype: 'float32', shape: [length], data } as const;
    return (await folder.save(step, { step, w }, { metric: step % 5 })).step;
  } catch (error) {
    const { code, message, cause } = error as PolyakError;
    return { code, message, cause: (cause as Error).name };
  }
}

/** Saves until the page is closed. */
export async function saveOn(length: number): Promise<never> {
  for (;;) await saveNext(length);
}

/** Reads all that is in the folder. */
export async function findAll(): Promise<Found> {
  const folder = await open();
  const saved = await folder.list();
  const broken: string[] = [];
  for (const one of saved) {
    try {
      const { step, w } = (await folder.load(one)) as { step: number; w: HostTensor };
      const isWhole = (w.data as Float32Array).every((value) => value === step);
      if (!isWhole || step !== one.step) broken.push(`${one.name}: other values`);
    } catch (error) {
      broken.push((error as Error).message);
    }
  }
  const names = new Set(saved.map(({ name }) => name));
  const others: string[] = [];
  for await (const name of (await home()).keys()) if (!names.has(name)) others.push(name);
  return { steps: saved.map(({ step }) => step), broken, others };
}
