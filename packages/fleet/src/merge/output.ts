// The objects of an output: whether they are there, what they replace, their publication.
import { createHash } from 'node:crypto';
import { PolyakError } from '@polyak/core';
import type { Store, StoredObject } from '../store/store.js';
import { openStored, versionOf } from './open-merge.js';
import type { MergeRequest, OutputObject } from './request.js';
import type { Replaced } from './run.js';

/** @throws PolyakError `ERR_EXISTS` where an object is there that may not be replaced */
export async function requireFree(store: Store, { files, replace }: MergeRequest): Promise<void> {
  if (replace) return;
  for (const { key } of files) {
    if ((await versionOf(store, key)) === undefined) continue;
    throw new PolyakError(
      'ERR_EXISTS',
      `${key} exists in ${store.name}. Name another output, or pass \`force\` to replace it.`,
    );
  }
}

/** Stands for the objects of an output as they are; undefined where one is missing. */
export async function stateOf(
  store: Store,
  files: readonly OutputObject[],
): Promise<string | undefined> {
  const hash = createHash('sha256');
  for (const { key } of files) {
    const version = await versionOf(store, key);
    if (version === undefined) return undefined;
    hash.update(`${JSON.stringify([key, version])}\n`);
  }
  return hash.digest('hex').slice(0, 32);
}

/** What an output replaces, as \`mergeFiles\` does; an object that is read stays. */
export async function replacedBy(
  store: Store,
  { files, output, replace, versions }: MergeRequest,
): Promise<Replaced> {
  if (!replace) return { main: [], rest: [] };
  const main: MergeRequest['versions'][number][] = [];
  const last = files.at(-1)?.key ?? '';
  const version = await versionOf(store, last);
  if (version !== undefined && (await anyExists(store, files.slice(0, -1)))) {
    main.push([last, version]);
  }
  const kept = new Set([...files.map(({ key }) => key), ...versions.map(([key]) => key)]);
  const rest = (await objectsOf(store, output)).filter(([key]) => !kept.has(key));
  return { main, rest };
}

/**
 * Publishes the files of an output, the one that readers open last. It may be called again, and by
 * several processes at once.
 */
export async function publishFiles(
  store: Store,
  id: string,
  { files, replace }: MergeRequest,
  replaced: Replaced,
): Promise<void> {
  // Readers of the old output must not find new data.
  await removeUnchanged(store, replaced.main);
  for (const { key, byteLength } of files) await store.publish(key, id, byteLength, { replace });
  await removeUnchanged(store, replaced.rest);
}

/** Removes objects, but those that were written meanwhile. */
async function removeUnchanged(store: Store, objects: MergeRequest['versions']): Promise<void> {
  for (const [key, version] of objects) {
    if ((await versionOf(store, key)) === version) await store.remove(key);
  }
}

async function anyExists(store: Store, files: readonly OutputObject[]): Promise<boolean> {
  for (const { key } of files) if ((await versionOf(store, key)) !== undefined) return true;
  return false;
}

/** The objects of a checkpoint; none where there is none. */
async function objectsOf(store: Store, key: string): Promise<MergeRequest['versions']> {
  const opened = new Map<string, StoredObject>();
  try {
    await openStored(store, key, (own, object) => opened.set(own, object));
    return [...opened].map(([own, { version }]) => [own, version]);
  } catch (error) {
    if (PolyakError.is(error)) return [];
    throw error;
  } finally {
    for (const object of opened.values()) await object.close();
  }
}
