// The job of a part: a pure function of the inputs. Done twice, it leaves the same bytes.
import type { MergePart, PartReport } from '@polyak/checkpoints/parts';
import { runMergePart } from '@polyak/checkpoints/parts';
import { PolyakError } from '@polyak/core';
import type { Store } from '../store/store.js';
import { GatheredWrites } from './gathered-writes.js';
import type { MergeReference } from './keys.js';
import { partialId, partKey, readReference } from './keys.js';
import type { MergeCache } from './merge-cache.js';
import type { OpenMerge } from './open-merge.js';
import { endedError, requireUnchanged } from './open-merge.js';
import type { OutputObject } from './request.js';
import { isGoingOn, removeFiles } from './run.js';

/** How often it is asked whether a run has ended, in ms. */
const INTERVAL = 1000;

/** What {@link write} is told of a part. */
interface PartWork {
  readonly part: MergePart;
  readonly file: OutputObject;
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/** A part that was made, as it stands in the store. */
export interface StoredPart {
  readonly part: MergePart;
  readonly report: PartReport;
}

/**
 * Makes a part of a merge.
 *
 * @param store - that has the merge
 * @param merges - of this worker
 * @param data - of the job
 * @param onProgress - called with the share that is done, from 0 to 1
 */
export async function makePart(
  store: Store,
  merges: MergeCache,
  data: unknown,
  onProgress: (share: number) => void,
): Promise<void> {
  const reference = readReference(data);
  const { part: index } = data as { readonly part?: unknown };
  await merges.use(reference, async (merge) => {
    const part = typeof index === 'number' ? merge.parts[index] : undefined;
    if (part === undefined) {
      throw new PolyakError(
        'ERR_CHECKPOINT',
        `the merge ${reference.merge} has ${merge.parts.length} parts, and none is ` +
          `${JSON.stringify(index)}.`,
      );
    }
    const file = merge.stored.request.files[part.file];
    if (file === undefined) throw new RangeError(`there is no file ${part.file}.`);
    const key = partKey(reference, index as number);
    await leavingNothing(
      store,
      reference,
      [file],
      async () => {
        if ((await store.get(key)) !== undefined) return;
        const report = await whileGoingOn(store, reference, (signal) =>
          write(store, reference, merge, { part, file, onProgress, signal }),
        );
        await requireUnchanged(store, readFor(report, merge));
        await requireSame(store, key, { part, report });
      },
      key,
    );
  });
}

/** Does `work`, which the signal ends soon after the run has ended. */
async function whileGoingOn<R>(
  store: Store,
  reference: MergeReference,
  work: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const ending = new AbortController();
  const check = async (): Promise<void> => {
    if (!(await isGoingOn(store, reference))) ending.abort(endedError(reference));
  };
  // Where the store cannot be read, the work itself fails.
  const timer = setInterval(() => void check().catch(() => undefined), INTERVAL);
  try {
    return await work(ending.signal);
  } finally {
    clearInterval(timer);
  }
}

/** Does `work`; removes what it has written where the run has ended meanwhile. */
export async function leavingNothing<R>(
  store: Store,
  reference: MergeReference,
  files: readonly OutputObject[],
  work: () => Promise<R>,
  report?: string,
): Promise<R> {
  if (!(await isGoingOn(store, reference))) throw endedError(reference);
  try {
    return await work();
  } finally {
    if (!(await isGoingOn(store, reference))) {
      await removeFiles(store, reference, files);
      if (report !== undefined) await store.remove(report);
    }
  }
}

/** The objects that a part has read, and their versions. Its report has the checksums of these. */
function readFor({ inputs }: PartReport, { plan, versions }: OpenMerge): OpenMerge['versions'] {
  const names = new Set<string>();
  for (const [i, { files }] of plan.inputs.entries()) {
    for (const [k, { name }] of files.entries()) {
      if (/[^0]/.test(inputs[i]?.[k] ?? '')) names.add(name);
    }
  }
  return versions.filter(([key]) => names.has(key));
}

async function write(
  store: Store,
  reference: MergeReference,
  { plan }: OpenMerge,
  { part, file, onProgress, signal }: PartWork,
): Promise<PartReport> {
  const partial = await store.openPartial(file.key, partialId(reference), file.byteLength);
  try {
    const writes = new GatheredWrites(partial, part);
    const report = await runMergePart(
      plan,
      part,
      (position, bytes) => writes.write(position, bytes),
      {
        signal,
        onProgress: ({ done, total }) => onProgress(total === 0 ? 1 : done / total),
      },
    );
    await writes.end();
    return report;
  } finally {
    await partial.close();
  }
}

/** Stores the report, unless another worker did; it is the same then. */
async function requireSame(store: Store, key: string, stored: StoredPart): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(stored));
  if (await store.putIfAbsent(key, bytes)) return;
  const other = await store.get(key);
  // It is gone where the run has ended.
  if (other === undefined || Buffer.compare(other, bytes) === 0) return;
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `${key}: two workers read other bytes from the same inputs. Check the disks, and merge again.`,
  );
}
