// The checkpoints of a run in a folder: saved whole, the last and the best of them kept.
import { fromSafetensors, PolyakError, toSafetensorsChunks } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import {
  requireMembers,
  requireOptions,
  requireSignal,
  requireWord,
  warnerOf,
} from '@polyak/core/kit';
import type { Warn } from '@polyak/core/kit';
import { folderError } from './folder-error.js';
import type { FolderStore } from './folder-store.js';
import { ranked, surplusOf } from './retention.js';
import type { Retention } from './retention.js';
import { onePerStep, savedAmong, savedCheckpoint } from './saved-checkpoint.js';
import type { SavedCheckpoint } from './saved-checkpoint.js';

/** What each store has. */
const STORE = {
  name: 'a name',
  list: 'a function',
  read: 'a function',
  write: 'a function',
  remove: 'a function',
} as const;

/** Options of {@link CheckpointFolder}. */
export interface CheckpointFolderOptions {
  /** How many of the last checkpoints are kept, from 1; `Infinity` keeps all. */
  readonly maxToKeep: number;
  /** How many of the best checkpoints are kept beside them. Default 0. */
  readonly saveTopK?: number;
  /** Whether the least or the greatest metric is the best. Default `min`. */
  readonly mode?: 'min' | 'max';
  /** Receives warnings. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** Options of {@link CheckpointFolder.save}. */
export interface SaveOptions {
  /**
   * What the checkpoint is worth, such as the validation loss. NaN is never the best, nor is a
   * checkpoint without a metric.
   */
  readonly metric?: number;
  /** Ends the save before the file is in its place. Then the folder is as it was. */
  readonly signal?: AbortSignal;
}

/**
 * The checkpoints of a run in a folder. Each is a safetensors file, and its name says the step and
 * the metric: `step=40,metric=0.25.safetensors`. There is no index: a file that is copied into the
 * folder is one of its checkpoints, and one that is deleted is not. Files with other names are left
 * alone.
 *
 * A process that is killed at any moment leaves whole files, those from before the save or with the
 * new one among them. One process at a time saves into a folder.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { fileStore } from '@polyak/checkpoints/node';
 * import { CheckpointFolder } from '@polyak/checkpoints/saving';
 *
 * const store = fileStore(await mkdtemp('run-'));
 * const folder = new CheckpointFolder(store, { maxToKeep: 1, saveTopK: 1, mode: 'min' });
 * for (const [step, loss] of [0.4, 0.2, 0.3].entries()) {
 *   await folder.save(step, { seed: 7, losses: [loss] }, { metric: loss });
 * }
 * console.log((await folder.list()).map(({ step }) => step)); // [1, 2]
 * const best = await folder.best();
 * console.log(best && (await folder.load(best))); // { seed: 7, losses: [0.2] }
 * ```
 * @see TensorFlow's `tf.train.CheckpointManager` and Lightning's `ModelCheckpoint`
 */
export class CheckpointFolder {
  readonly #store: FolderStore;
  readonly #retention: Retention;
  readonly #warn: Warn;
  #isSaving = false;

  /**
   * @param store - the folder: `fileStore(path)` of `@polyak/checkpoints/node`, or
   *   {@link directoryStore}
   * @param options - how many checkpoints are kept
   * @throws RangeError if a number or mode is out of range
   * @throws TypeError if the store is none, such as a path, the options are no object, or one of
   *   them is not known
   */
  constructor(store: FolderStore, options: CheckpointFolderOptions) {
    const remedy = 'Pass fileStore(path) of @polyak/checkpoints/node, or directoryStore(handle).';
    requireMembers('CheckpointFolder: the store', store, STORE, remedy);
    const known = ['maxToKeep', 'saveTopK', 'mode', 'onWarning'];
    const given = requireOptions('CheckpointFolder', options, known);
    const { maxToKeep, saveTopK = 0, mode = 'min' } = given;
    requireCount('maxToKeep', maxToKeep, 1);
    requireCount('saveTopK', saveTopK, 0);
    requireWord('CheckpointFolder', 'mode', mode, ['min', 'max']);
    this.#store = store;
    this.#retention = { maxToKeep, saveTopK, mode };
    this.#warn = warnerOf('CheckpointFolder', given.onWarning);
  }

  /**
   * Saves a checkpoint, and then removes those that are no longer kept. A checkpoint of the same
   * step is replaced. One that cannot be removed is a warning; the next save tries again.
   *
   * @param step - the step of training, from 0; not before that of the latest checkpoint
   * @param state - all that the run goes on from, as for `toSafetensors`. Its tensors may not
   *   change before the promise is settled
   * @param options - the metric, and a signal that ends the save
   * @returns the checkpoint
   * @throws RangeError if `step` is not such a number
   * @throws TypeError if an option is not what it should be
   * @throws what `toSafetensors` throws; the reason of the signal
   * @throws PolyakError `ERR_EXISTS` if the folder has a later checkpoint; `ERR_BUSY` if another
   *   save of this object has not finished; `ERR_CHECKPOINT` if the file cannot be written, with
   *   the error of the system as its `cause`. The earlier checkpoints are as they were then; the
   *   new one may be there too
   */
  async save(step: number, state: StateTree, options: SaveOptions = {}): Promise<SavedCheckpoint> {
    const { metric, signal } = requireOptions('save', options, ['metric', 'signal']);
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new RangeError(`save: the step is ${String(step)}, expected an integer from 0.`);
    }
    if (metric !== undefined && typeof metric !== 'number') {
      throw new TypeError(`save: the metric is ${typeof metric}, expected a number.`);
    }
    requireSignal('save', signal);
    if (this.#isSaving) {
      throw new PolyakError('ERR_BUSY', 'save: another save has not finished. Await it first.');
    }
    this.#isSaving = true;
    try {
      signal?.throwIfAborted();
      const chunks = toSafetensorsChunks(state);
      const saved = savedCheckpoint(step, metric);
      await this.#requireLatest(saved);
      await this.#write(saved, until(signal, chunks));
      await this.#prune(saved);
      return saved;
    } finally {
      this.#isSaving = false;
    }
  }

  /**
   * The checkpoints in the folder, in the order of their steps. Their files are not read.
   *
   * @throws PolyakError `ERR_CHECKPOINT` if there is no folder, or it cannot be read
   */
  async list(): Promise<readonly SavedCheckpoint[]> {
    return this.#list('list');
  }

  /**
   * The checkpoint of the latest step; undefined if there is none.
   *
   * @throws PolyakError as {@link list}
   */
  async latest(): Promise<SavedCheckpoint | undefined> {
    return (await this.#list('latest')).at(-1);
  }

  /**
   * The checkpoint with the best metric; undefined if none has one.
   *
   * @throws PolyakError as {@link list}
   */
  async best(): Promise<SavedCheckpoint | undefined> {
    return ranked(await this.#list('best'), this.#retention.mode)[0];
  }

  /**
   * Reads a checkpoint. One that is damaged is never skipped: a run that silently goes on from an
   * earlier step, or from none, costs more than an error that names the file.
   *
   * @param saved - of {@link list}, {@link latest} or {@link best}
   * @returns what was saved
   * @throws PolyakError `ERR_CHECKPOINT` if the file is gone, cannot be read, is damaged or was
   *   written by a later version
   */
  async load({ name }: Pick<SavedCheckpoint, 'name'>): Promise<StateTree> {
    const where = `${this.#store.name}/${name}`;
    const bytes = await this.#store.read(name).catch((error: unknown) => {
      throw folderError('load', where, error);
    });
    try {
      return fromSafetensors(bytes, { copy: false });
    } catch (cause) {
      throw new PolyakError(
        'ERR_CHECKPOINT',
        `load: ${where} does not load: ${(cause as Error).message} If it is damaged, remove it: ` +
          'the checkpoint before it is the latest then.',
        { cause },
      );
    }
  }

  async #list(call: string): Promise<readonly SavedCheckpoint[]> {
    try {
      return onePerStep(savedAmong(await this.#store.list()));
    } catch (error) {
      throw folderError(call, this.#store.name, error);
    }
  }

  async #requireLatest({ step }: SavedCheckpoint): Promise<void> {
    const latest = (await this.#list('save')).at(-1);
    if (latest === undefined || latest.step <= step) return;
    throw new PolyakError(
      'ERR_EXISTS',
      `save: ${this.#store.name} has ${latest.name}, which is later than step ${step}. Remove ` +
        'the later checkpoints, or save into another folder.',
    );
  }

  async #write({ name }: SavedCheckpoint, chunks: Iterable<Uint8Array>): Promise<void> {
    try {
      await this.#store.write(name, chunks);
    } catch (error) {
      if (error instanceof Aborted) throw error.cause;
      if (PolyakError.is(error)) throw error;
      const then = 'The earlier checkpoints are as they were.';
      throw folderError('save', `${this.#store.name}/${name}`, error, then);
    }
  }

  async #prune({ name, step }: SavedCheckpoint): Promise<void> {
    const warn = (error: unknown): void => {
      const where = `${name} was saved, but an older checkpoint in ${this.#store.name} stays`;
      this.#warn(folderError('save', where, error).message);
    };
    try {
      const all = savedAmong(await this.#store.list());
      const rest = onePerStep(all.filter((one) => one.step !== step || one.name === name));
      const replaced = all.filter((one) => !rest.includes(one));
      for (const one of [...replaced, ...surplusOf(rest, this.#retention)]) {
        await this.#store.remove(one.name).catch(warn);
      }
    } catch (error) {
      warn(error);
    }
  }
}

/** Tells the reason of a signal from the errors of a store. */
class Aborted extends Error {}

/** The chunks; ends with an error once the signal is aborted, also after the last one. */
function* until(
  signal: AbortSignal | undefined,
  chunks: Iterable<Uint8Array>,
): Generator<Uint8Array> {
  const check = (): void => {
    try {
      signal?.throwIfAborted();
    } catch (cause) {
      throw new Aborted('aborted', { cause });
    }
  };
  for (const chunk of chunks) {
    check();
    yield chunk;
  }
  check();
}

function requireCount(name: string, count: number, least: number): void {
  if (count === Infinity || (Number.isInteger(count) && count >= least)) return;
  throw new RangeError(
    `CheckpointFolder: ${name} is ${String(count)}, expected an integer from ${least} or Infinity.`,
  );
}
