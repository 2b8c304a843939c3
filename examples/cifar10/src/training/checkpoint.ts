// Where a leg stands, in one file that is there whole or not at all: what a run that was killed
// goes on from.
import { readFile } from 'node:fs/promises';

import { fromSafetensors, toSafetensorsChunks } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import { writeWhole } from '@polyak/example-shared/write-whole';

import { Failure } from '../failure.js';
import type { TrainerState } from './trainer.js';

/** A leg after one of its epochs. */
export interface Checkpoint {
  /** What decides the leg, as JSON: a checkpoint of another run is refused. */
  readonly settings: string;
  /** The epochs trained, those of the legs before it included. */
  readonly epoch: number;
  /** Wall-clock time of the leg's own epochs. */
  readonly seconds: number;
  /** What the leg has recorded, as JSON, an epoch each. */
  readonly lines: readonly string[];
  readonly trainer: TrainerState;
  readonly observers: Readonly<Record<string, StateTree>>;
}

/** Replaces the file at `path`. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  await writeWhole(path, toSafetensorsChunks({ ...checkpoint }));
}

/**
 * The checkpoint at `path`; nothing where there is no file.
 *
 * @throws Failure where it is of a run with other settings
 */
export async function readCheckpoint(
  path: string,
  settings: string,
): Promise<Checkpoint | undefined> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  const checkpoint = recordOf(fromSafetensors(bytes, { copy: false })) as unknown as Checkpoint &
    StateTree;
  if (checkpoint.settings === settings) return checkpoint;
  throw new Failure(
    `${path} is of a run with ${checkpoint.settings}, this one has ${settings}. Name another ` +
      'folder by --output, or delete it.',
  );
}
