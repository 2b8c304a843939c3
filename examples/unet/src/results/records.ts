// Finished seeds on disk: a command that was interrupted trains only those that are missing.
import { readFile } from 'node:fs/promises';
import { writeWhole } from '@polyak/example-shared/write-whole';
import type { ScoredPart } from '../problem.js';
import type { SeedRun } from '../run-seed.js';
import type { Settings } from '../settings.js';

/** A finished seed, and what else decided it. */
export interface SeedRecord {
  readonly part: ScoredPart;
  /** What computed: `tfjs:wasm`. */
  readonly backend: string;
  readonly run: SeedRun;
}

/** Replaces the file at `path`. */
export async function writeRecord(path: string, record: SeedRecord): Promise<void> {
  await writeWhole(path, JSON.stringify(record));
}

/**
 * The seed in the file at `path`; nothing where there is no file.
 *
 * @throws Error where it is of another run than `expected`
 */
export async function readRecord(
  path: string,
  expected: Omit<SeedRecord, 'run'> & { readonly settings: Settings },
): Promise<SeedRecord | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as SeedRecord;
  const { part, backend, run } = record;
  const [found, wanted] = [{ part, backend, settings: run.settings }, expected].map((side) =>
    JSON.stringify([side.part, side.backend, side.settings]),
  );
  if (found === wanted) return record;
  throw new Error(
    `${path} is of a run with ${found}, this one has ${wanted}. Name another folder by ` +
      '--output, or delete it.',
  );
}
