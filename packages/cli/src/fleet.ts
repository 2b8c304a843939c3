// Merges by the workers of a fleet: @polyak/fleet, which is loaded only where it is asked for.
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { MergePlan, MergeReport } from '@polyak/checkpoints';
import type { MergeFilesOptions } from '@polyak/checkpoints/node';
import { openCheckpoint } from '@polyak/checkpoints/node';
import { PolyakError } from '@polyak/core';
import type { FleetMergeOptions } from '@polyak/fleet';
import type { FleetOptions } from './arguments/options.js';
import type { Context, PrintOptions } from './context.js';
import { say } from './context.js';
import { Interruption, UsageError } from './exit-codes.js';
import { countText } from './text.js';

/** A fleet to merge by: its Redis and its store. */
export interface FleetPlace {
  readonly url: string;
  readonly folder: string;
  readonly partBytes: number | undefined;
}

/** What is merged, by paths. */
interface PathMerge {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly options: MergeFilesOptions;
}

/** What a fleet made. */
interface MadeByFleet {
  readonly kind: 'merged';
  readonly plan: MergePlan;
  readonly report: Pick<MergeReport, 'fromLast' | 'nonFinite'>;
}

/** The fleet that options name; undefined where they name none. */
export function fleetOf(options: FleetOptions): FleetPlace | undefined {
  const { fleet: url, store: folder, partSize: partBytes, resume } = options;
  if (url === undefined) {
    if (folder === undefined && partBytes === undefined) return undefined;
    throw new UsageError('--store and --part-size are of use with --fleet only.');
  }
  if (folder === undefined) throw new UsageError('--fleet needs --store: the shared folder.');
  if (resume) throw new UsageError('--resume is of no use with --fleet: a merge always goes on.');
  return { url, folder, partBytes };
}

/** Makes a merge by a fleet. */
export async function mergeOnFleet(
  context: Context,
  options: PrintOptions,
  { inputs, output, options: mergeOptions }: PathMerge,
  { url, folder, partBytes }: FleetPlace,
  onProgress: NonNullable<FleetMergeOptions['onProgress']>,
): Promise<MadeByFleet> {
  const { folderStore, mergeByFleet } = await loadFleet();
  const { base, resume: _, ...rest } = mergeOptions;
  const keys: string[] = [];
  for (const input of inputs) keys.push(await inputKey(folder, input));
  const fleet = { store: folderStore(folder), url };
  const made = await mergeByFleet(fleet, keys, keyOf(folder, output), {
    ...rest,
    ...(base !== undefined && { base: await inputKey(folder, base) }),
    ...(partBytes !== undefined && { partBytes }),
    signal: context.signal,
    onProgress,
    onParts: (parts) =>
      say(
        context,
        options,
        `${countText(parts, 'part')} in the queue, for the workers that polyak worker starts`,
      ),
    onWarning: (message) => say(context, options, message),
  }).catch((error: unknown) => {
    // Another one says what became of it.
    if (!context.signal.aborted || error !== context.signal.reason) throw error;
    throw new Interruption('interrupted: the merge was cancelled, and its parts removed.', {
      cause: error,
    });
  });
  return { kind: 'merged', ...made };
}

/** @polyak/fleet, which is installed beside this package. */
export async function loadFleet(): Promise<typeof import('@polyak/fleet')> {
  try {
    return await import('@polyak/fleet');
  } catch (cause) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      'fleets need @polyak/fleet, which is not there or does not load. Install it: ' +
        'npm install @polyak/fleet',
      { cause },
    );
  }
}

/** The key of an input; of a folder, that of the checkpoint in it. */
async function inputKey(folder: string, path: string): Promise<string> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return keyOf(folder, path);
  }
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return keyOf(folder, checkpoint.name);
}

/**
 * The key of a path: how it is called in the folder, wherever a worker has that. Either may be
 * reached by links; a link in the folder has its own name, and one elsewhere that of its file.
 */
function keyOf(folder: string, path: string): string {
  const root = followed(folder);
  const own = join(followed(dirname(resolve(path))), basename(path));
  for (const place of [own, followed(path)]) {
    const key = relative(root, place);
    if (key !== '' && !isAbsolute(key) && key.split(sep)[0] !== '..') {
      return key.split(sep).join('/');
    }
  }
  throw new UsageError(`${path} is not in ${folder}, the folder that --store names.`);
}

/** A path without links; its end need not exist. */
function followed(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch (error) {
    const parent = dirname(absolute);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === absolute) throw error;
    return join(followed(parent), basename(absolute));
  }
}
