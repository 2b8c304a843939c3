// Merges that a worker has open: their headers are read once, not for each part.
import type { Store } from '../store/store.js';
import type { MergeReference } from './keys.js';
import { partialId } from './keys.js';
import type { OpenMerge } from './open-merge.js';
import { openMerge } from './open-merge.js';

interface Entry {
  readonly merge: Promise<OpenMerge>;
  users: number;
}

/** The merges that a worker has open. One that is not in use stays until another is opened. */
export class MergeCache {
  readonly #store: Store;
  readonly #entries = new Map<string, Entry>();

  /** @param store - that has them */
  constructor(store: Store) {
    this.#store = store;
  }

  /** Calls `work` with an open merge. */
  async use<R>(reference: MergeReference, work: (merge: OpenMerge) => Promise<R>): Promise<R> {
    const id = partialId(reference);
    if (!this.#entries.has(id)) await this.close();
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = { merge: openMerge(this.#store, reference), users: 0 };
      this.#entries.set(id, entry);
    }
    entry.users += 1;
    try {
      return await work(await entry.merge);
    } catch (error) {
      // What failed is opened anew: a network may have lost its files.
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.users === 0 && this.#entries.get(id) !== entry) await closed(entry);
    }
  }

  /** Closes those that are not in use. */
  async close(): Promise<void> {
    for (const [id, entry] of this.#entries) {
      if (entry.users > 0) continue;
      this.#entries.delete(id);
      await closed(entry);
    }
  }
}

async function closed({ merge }: Entry): Promise<void> {
  const open = await merge.catch(() => undefined);
  await open?.close();
}
