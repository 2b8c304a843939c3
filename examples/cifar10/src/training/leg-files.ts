// The files of a leg: its checkpoints, its weights after each epoch, and its averages.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { fromSafetensors, toSafetensors } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import type { SnapshotFiles } from '@polyak/ensemble';
import { writeWhole } from '@polyak/example-shared/write-whole';

import type { Leg } from '../plan/leg.js';

/** The checkpoint of a leg's last epoch so far. */
export function lastFile(folder: string, { name }: Leg): string {
  return join(folder, name, 'last.safetensors');
}

/** The checkpoint that is kept after an epoch, for other legs. */
export function branchFile(folder: string, { name }: Leg, epoch: number): string {
  return join(folder, name, `branch-${epoch}.safetensors`);
}

/** Writes an average of a leg as it is after an epoch. */
export async function writeAverage(
  folder: string,
  leg: Leg,
  { name, epoch, weights }: AverageFile & { readonly weights: NamedTensors },
): Promise<void> {
  await writeWhole(averageFile(folder, leg, { name, epoch }), toSafetensors(weights));
}

/** The average of a leg as it was after an epoch. */
export async function readAverage(
  folder: string,
  leg: Leg,
  average: AverageFile,
): Promise<NamedTensors> {
  const bytes = await readFile(averageFile(folder, leg, average));
  return recordOf(fromSafetensors(bytes)) as NamedTensors;
}

/** Which average of a leg. */
export interface AverageFile {
  readonly name: string;
  /** The epoch after which it was written. */
  readonly epoch: number;
}

function averageFile(folder: string, leg: Leg, { name, epoch }: AverageFile): string {
  return join(folder, leg.name, `${name}-after-${epoch}.safetensors`);
}

/**
 * The weights of a leg after each of its epochs, for `Snapshots`.
 *
 * @param epochs - the number of epochs of the leg that count: what a run that was killed has
 *   written after them is written again
 */
export async function snapshotFiles(
  folder: string,
  { name }: Leg,
  epochs: number,
): Promise<SnapshotFiles> {
  const home = join(folder, name, 'epochs');
  await mkdir(home, { recursive: true });
  const names = await readdir(home);
  return {
    keys: names
      .filter((file) => file.endsWith('.safetensors'))
      .toSorted()
      .slice(0, epochs),
    write: async (key, bytes) => writeWhole(join(home, key), bytes),
    read: async (key) => readFile(join(home, key)),
    remove: async (key) => rm(join(home, key)),
  };
}
