// The job that ends a merge, after all of its parts: writes the headers, publishes the files, and
// removes the rest. Killed anywhere and done again, it ends alike.
import { createHash } from 'node:crypto';
import type { MergeReport } from '@polyak/checkpoints';
import type { PartReport } from '@polyak/checkpoints/parts';
import { bytesBesideParts, reportOfParts } from '@polyak/checkpoints/parts';
import { PolyakError } from '@polyak/core';
import type { Store } from '../store/store.js';
import type { MergeReference } from './keys.js';
import { partialId, partKey, readReference, writtenKey } from './keys.js';
import type { MergeCache } from './merge-cache.js';
import type { OpenMerge } from './open-merge.js';
import { endedError, requireUnchanged, versionOf } from './open-merge.js';
import type { StoredPart } from './part-job.js';
import { leavingNothing } from './part-job.js';
import type { OutputObject, PublishedMerge } from './request.js';
import { endMerge, isGoingOn, removeMerge, storedMerge } from './request.js';

/** The job, as far as it is needed here. */
export interface PublishJob {
  /** Its data: a reference, and the result once the merge is published. */
  readonly data: unknown;
  /** Changes the data. */
  updateData(data: object): Promise<void>;
}

/**
 * Publishes a merge.
 *
 * @param store - that has the merge
 * @param merges - of this worker
 * @param job - keeps the result, for when nothing else does
 */
export async function publishMerge(
  store: Store,
  merges: MergeCache,
  job: PublishJob,
): Promise<PublishedMerge> {
  const reference = readReference(job.data);
  const { published } = job.data as { readonly published?: PublishedMerge };
  const stored = await storedMerge(store, reference.merge);
  if (stored?.run !== reference.run) {
    if (published !== undefined) return published;
    throw endedError(reference);
  }
  if (stored.ended === 'cancelled') throw endedError(reference);
  const result =
    stored.ended ??
    (await merges.use(reference, (merge) =>
      leavingNothing(store, reference, merge, () => publish(store, reference, merge)),
    ));
  if (stored.ended === undefined) await endMerge(store, reference.merge, stored, result);
  await job.updateData({ ...reference, published: result });
  await removeMerge(store, reference.merge, stored);
  return result;
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

async function publish(
  store: Store,
  reference: MergeReference,
  merge: OpenMerge,
): Promise<PublishedMerge> {
  const { plan, stored, versions } = merge;
  const { files, replace } = stored.request;
  const id = partialId(reference);
  const report = await reportOfParts(plan, storedReports(store, reference, merge));
  // Published objects are not written to, in case an earlier try was killed after this.
  if ((await store.get(writtenKey(reference))) === undefined) {
    await writeRest(store, reference, merge, report);
    await store.put(writtenKey(reference), new TextEncoder().encode('true\n'));
  }
  await requireUnchanged(store, versions);
  if (!(await isGoingOn(store, reference))) throw endedError(reference);
  for (const { key, byteLength } of files) {
    await store.publish(key, id, byteLength, { replace });
  }
  const outputs = await stateOf(store, files);
  if (outputs === undefined) {
    throw new PolyakError(
      'ERR_CHECKPOINT',
      `${stored.request.output} was removed while it was published. Merge again.`,
    );
  }
  const { fromLast, nonFinite } = report;
  return { fromLast, nonFinite: [...nonFinite], outputs };
}

/** The reports of all parts. Each is of the part that this process would make. */
async function* storedReports(
  store: Store,
  reference: MergeReference,
  { parts }: OpenMerge,
): AsyncGenerator<PartReport> {
  for (const [index, expected] of parts.entries()) {
    const key = partKey(reference, index);
    const bytes = await store.get(key);
    if (bytes === undefined) throw partError(key, 'is missing');
    const { part, report } = JSON.parse(new TextDecoder().decode(bytes)) as StoredPart;
    const { file, begin, end } = expected;
    if (part.file !== file || part.begin !== begin || part.end !== end) {
      throw partError(key, 'is of another range of the output');
    }
    yield report;
  }
}

/** Writes what no part has. */
async function writeRest(
  store: Store,
  reference: MergeReference,
  { plan, parts, stored }: OpenMerge,
  report: MergeReport,
): Promise<void> {
  const rest = await bytesBesideParts(plan, parts, report);
  for (const [index, { key, byteLength }] of stored.request.files.entries()) {
    // One without tensors is made here.
    const partial = await store.openPartial(key, partialId(reference), byteLength);
    try {
      for (const { file, position, bytes } of rest) {
        if (file === index) await partial.write(position, bytes);
      }
    } finally {
      await partial.close();
    }
  }
}

function partError(key: string, what: string): PolyakError {
  return new PolyakError('ERR_CHECKPOINT', `the report of a part, ${key}, ${what}. Merge again.`);
}
