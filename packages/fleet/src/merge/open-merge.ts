// Opens checkpoints of a store, and plans their merge.
import { basename } from 'node:path/posix';
import type { Checkpoint, MergeOptions, MergePlan } from '@polyak/checkpoints';
import { HeaderCache, openCheckpoint, planMerge } from '@polyak/checkpoints';
import { planHash } from '@polyak/checkpoints/node';
import type { MergePart } from '@polyak/checkpoints/parts';
import { partsOf } from '@polyak/checkpoints/parts';
import { PolyakError } from '@polyak/core';
import type { Store, StoredObject } from '../store/store.js';
import { keyBeside } from './keys.js';
import type { MergeReference } from './keys.js';
import type { MergeRequest, StoredMerge } from './request.js';
import { methodFrom, storedMerge } from './request.js';

/** A planned merge with its inputs open. */
export interface PlannedMerge {
  readonly plan: MergePlan;
  /** The objects that are read, as they were when they were opened. */
  readonly versions: MergeRequest['versions'];
  /** Closes the inputs. */
  close(): Promise<void>;
}

/** A merge that a worker does. */
export interface OpenMerge extends PlannedMerge {
  readonly stored: StoredMerge;
  readonly parts: readonly MergePart[];
}

/** As many objects as are looked up at once. */
const LOOKUPS = 16;

/** Opens the inputs and plans the merge from their headers. */
export async function planFromStore(
  store: Store,
  { inputs, base, output }: Pick<MergeRequest, 'inputs' | 'base' | 'output'>,
  options: Omit<MergeOptions, 'base'>,
): Promise<PlannedMerge> {
  const opened: StoredObject[] = [];
  const versions = new Map<string, string>();
  const headers = new HeaderCache();
  const onOpen = (key: string, source: StoredObject): void => {
    opened.push(source);
    if ((versions.get(key) ?? source.version) !== source.version) throw changed([key]);
    versions.set(key, source.version);
  };
  const open = async (main: string): Promise<Checkpoint> =>
    await openStored(store, main, onOpen, headers);
  const close = async (): Promise<void> => {
    for (const source of opened.splice(0)) await source.close();
  };
  try {
    const models: Checkpoint[] = [];
    for (const key of inputs) models.push(await open(key));
    const plan = await planMerge(models, basename(output), {
      ...options,
      ...(base !== undefined && { base: await open(base) }),
    });
    return { plan, versions: [...versions], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens a checkpoint of a store; `onOpen` gets its objects, which the caller closes. */
export async function openStored(
  store: Store,
  main: string,
  onOpen: (key: string, object: StoredObject) => void,
  headers?: HeaderCache,
): Promise<Checkpoint> {
  return await openCheckpoint(
    basename(main),
    async (name) => {
      const key = name === basename(main) ? main : keyBeside(main, name);
      const source = await store.open(key);
      onOpen(key, source);
      return { name: key, source };
    },
    headers,
  );
}

/** Stands for all that the bytes of an output depend on, but the contents of its inputs. */
export function hashOf({ layout, request }: MergePlan): string {
  return planHash(layout, request.metadata);
}

/**
 * Opens a merge that a job refers to.
 *
 * @throws PolyakError `ERR_CHECKPOINT` where it has ended, or an input has changed; `ERR_MISMATCH`
 *   where this process would make other bytes than the one that began the merge
 */
export async function openMerge(store: Store, { merge, run }: MergeReference): Promise<OpenMerge> {
  const stored = await storedMerge(store, merge);
  if (stored?.run !== run) throw endedError({ merge, run });
  const { request } = stored;
  const { method, names, rows, dtype, nonFinite, shardBytes } = request;
  const options = { method: methodFrom(method), names, rows, dtype, nonFinite, shardBytes };
  await requireUnchanged(store, request.versions);
  const planned = await planFromStore(store, request, options as MergeOptions);
  try {
    requireSame(request.versions, planned.versions);
    if (hashOf(planned.plan) !== request.plan) {
      throw new PolyakError(
        'ERR_MISMATCH',
        `${request.output}: this worker would write other headers than the process that began ` +
          'the merge. Install the same version of @polyak/checkpoints on all machines.',
      );
    }
    return { ...planned, stored, parts: partsOf(planned.plan, request.partBytes) };
  } catch (error) {
    await planned.close();
    throw error;
  }
}

/** The version of an object; undefined where there is none. */
export async function versionOf(store: Store, key: string): Promise<string | undefined> {
  try {
    const object = await store.open(key);
    await object.close();
    return object.version;
  } catch (error) {
    if (PolyakError.is(error) && error.code === 'ERR_CHECKPOINT') return undefined;
    throw error;
  }
}

/**
 * @throws PolyakError `ERR_CHECKPOINT` where objects are not what they were: half of each may have
 *   been read
 */
export async function requireUnchanged(
  store: Store,
  before: MergeRequest['versions'],
): Promise<void> {
  const now: (readonly [string, string])[] = [];
  for (let at = 0; at < before.length; at += LOOKUPS) {
    const keys = before.slice(at, at + LOOKUPS).map(([key]) => key);
    const versions = await Promise.all(keys.map((key) => versionOf(store, key)));
    for (const [i, key] of keys.entries()) now.push([key, versions[i] ?? '']);
  }
  requireSame(before, now);
}

/** The error for a job of a run that has ended. */
export function endedError({ merge, run }: MergeReference): PolyakError {
  return new PolyakError(
    'ERR_CHECKPOINT',
    `the run ${run} of the merge ${merge} has ended. Merge again.`,
  );
}

function requireSame(before: MergeRequest['versions'], now: MergeRequest['versions']): void {
  const versions = new Map(now);
  const differing = before.filter(([key, version]) => versions.get(key) !== version);
  if (differing.length > 0) throw changed(differing.map(([key]) => key));
}

function changed(keys: readonly string[]): PolyakError {
  return new PolyakError(
    'ERR_CHECKPOINT',
    `${keys.join(', ')} changed or vanished during the merge. Wait until the inputs are written, ` +
      'and merge again.',
  );
}
