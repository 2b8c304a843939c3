// Where a merge keeps what its processes share: in a folder of the store, until its end.
import { posix } from 'node:path';
import { PolyakError } from '@polyak/core';

/** The folder of the store that has the folders of all merges. */
const FOLDER = '.polyak-fleet';

/** One run of a merge. The same merge, run again, has the same id. */
export interface MergeReference {
  /** Stands for the request and the inputs as they are. */
  readonly merge: string;
  /** Tells a run from earlier ones of the same merge. */
  readonly run: string;
}

/** Throws unless a reference, which may come from anywhere, is one to a merge. */
export function readReference(data: unknown): MergeReference {
  const { merge, run } = Object(data) as Partial<Record<string, unknown>>;
  if (isHex(merge) && isHex(run)) return { merge, run };
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `a job refers to ${JSON.stringify({ merge, run })?.slice(0, 200)}, which is no merge. Was it ` +
      'added by something else than mergeByFleet?',
  );
}

/** The key of what is merged. */
export function mergeKey(merge: string): string {
  return `${folderOf(merge)}merge.json`;
}

/** The key of the report of a part. */
export function partKey({ merge, run }: MergeReference, part: number): string {
  return `${runFolder({ merge, run })}${part}.json`;
}

/** The key of the decision whether the output of a run is published. */
export function publicationKey(reference: MergeReference): string {
  return `${runFolder(reference)}publication.json`;
}

/** The key of the decision how a run has ended. */
export function endKey(reference: MergeReference): string {
  return `${runFolder(reference)}end.json`;
}

/** The id of the partial objects of a run. */
export function partialId({ merge, run }: MergeReference): string {
  return `${merge}-${run}`;
}

/** The folder of a merge. */
export function folderOf(merge: string): string {
  return `${FOLDER}/${merge}/`;
}

/** The folder of the reports of a run, and of what is decided about it. */
export function runFolder({ merge, run }: MergeReference): string {
  return `${folderOf(merge)}${run}/`;
}

/** Whether a key is of the fleet's own objects. */
export function isOwnKey(key: string): boolean {
  return key === FOLDER || key.startsWith(`${FOLDER}/`);
}

/** The key of an object beside another. */
export function keyBeside(key: string, name: string): string {
  return posix.join(posix.dirname(key), name);
}

function isHex(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8,32}$/.test(value);
}
