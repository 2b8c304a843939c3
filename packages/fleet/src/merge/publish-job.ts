// The job that ends a merge, after all of its parts: writes the headers, publishes the files, and
// removes the rest. Killed anywhere and done again, it ends alike.
import type { MergeReport } from '@polyak/checkpoints';
import type { PartReport } from '@polyak/checkpoints/parts';
import { bytesBesideParts, reportOfParts } from '@polyak/checkpoints/parts';
import { PolyakError } from '@polyak/core';
import type { Store } from '../store/store.js';
import { isFinal } from './failures.js';
import type { MergeReference } from './keys.js';
import { endKey, partialId, partKey, publicationKey, readReference } from './keys.js';
import type { MergeCache } from './merge-cache.js';
import type { OpenMerge } from './open-merge.js';
import { endedError, requireUnchanged } from './open-merge.js';
import { publishFiles, replacedBy, requireFree, stateOf } from './output.js';
import type { StoredPart } from './part-job.js';
import { leavingNothing } from './part-job.js';
import { storedMerge } from './request.js';
import type { Publication, PublishedMerge, RunEnd } from './run.js';
import { decide, decided, removeRun } from './run.js';

/** The data of the job. */
export interface PublishData extends MergeReference {
  /** The result, once the merge is published. */
  readonly published?: PublishedMerge;
}

/** The job, as far as it is needed here. */
export interface PublishJob {
  /** {@link PublishData}, if nobody else has written them. */
  readonly data: unknown;
  /** Changes the data. */
  updateData(data: PublishData): Promise<void>;
  /** The data as they are now. */
  latestData(): Promise<unknown>;
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
  try {
    const stored = await storedMerge(store, reference.merge);
    const files = stored?.run === reference.run ? stored.request.files : undefined;
    const end =
      resultIn(job.data) ??
      (await decided<RunEnd>(store, endKey(reference))) ??
      (await merges.use(reference, (merge) =>
        leavingNothing(store, reference, merge.stored.request.files, () =>
          publish(store, reference, merge),
        ),
      ));
    if (end === undefined || end === 'withdrawn') throw endedError(reference);
    await job.updateData({ ...reference, published: end });
    await removeRun(store, reference, files ?? []);
    return end;
  } catch (error) {
    // A worker that was stopped and has gone on may have done all of it meanwhile.
    const result = resultIn(await job.latestData());
    if (result === undefined) throw error;
    return result;
  }
}

function resultIn(data: unknown): PublishedMerge | undefined {
  return (data as PublishData | undefined)?.published;
}

async function publish(
  store: Store,
  reference: MergeReference,
  merge: OpenMerge,
): Promise<RunEnd | undefined> {
  const { request } = merge.stored;
  const report = await reportOfParts(merge.plan, storedReports(store, reference, merge));
  // Published objects are not written to, in case an earlier try was killed after this.
  const publication =
    (await decided<Publication>(store, publicationKey(reference))) ??
    (await completed(store, reference, merge, report));
  if (publication === undefined || publication === 'cancelled') throw endedError(reference);
  try {
    await publishFiles(store, partialId(reference), request, publication);
    const outputs = await stateOf(store, request.files);
    if (outputs === undefined) {
      throw new PolyakError(
        'ERR_CHECKPOINT',
        `${request.output} was removed while it was published. Merge again.`,
      );
    }
    const { fromLast, nonFinite } = report;
    const end: RunEnd = { fromLast, nonFinite: [...nonFinite], outputs };
    return await decide<RunEnd>(store, reference, endKey(reference), end);
  } catch (error) {
    if (!isFinal(error)) throw error;
    // It is not tried again, as where another object has the place of one: all of them go.
    const end = await decide<RunEnd>(store, reference, endKey(reference), 'withdrawn');
    if (end === undefined || end === 'withdrawn') throw error;
    return end;
  }
}

/** Writes all that is left, and decides that the output is published, unless it was cancelled. */
async function completed(
  store: Store,
  reference: MergeReference,
  merge: OpenMerge,
  report: MergeReport,
): Promise<Publication | undefined> {
  const { request } = merge.stored;
  await writeRest(store, reference, merge, report);
  await requireUnchanged(store, merge.versions);
  await requireFree(store, request);
  const replaced = await replacedBy(store, request);
  return await decide<Publication>(store, reference, publicationKey(reference), replaced);
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
