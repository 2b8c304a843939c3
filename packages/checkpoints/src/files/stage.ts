// An output that is written beside its place, and takes it once it is whole.
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { requireOptions } from '@polyak/core/kit';
import type { OutputLayout } from '../checkpoint.js';
import type { OutputSink } from '../merge/sink.js';
import { diskError } from './disk-error.js';
import type { Journal } from './journal.js';
import { removeJournal, writeJournal } from './journal.js';
import type { Lock } from './lock.js';
import { takeLock } from './lock.js';
import type { InputState } from './plan.js';
import { pieceLength, planHash, requestHash } from './plan.js';
import { publish } from './publish.js';
import type { ReplaceOptions } from './resume.js';
import { forced, interruptedIn, isWorthKeeping, removeInterrupted, requireSame } from './resume.js';
import type { StagedFile } from './staged-files.js';
import { StagedFiles } from './staged-files.js';
import type { OutputPlace } from './targets.js';
import { isInside, isMain, placeOf, requireFree, targetOf } from './targets.js';

/** How an output is staged. */
export interface StageOptions extends ReplaceOptions {
  /** What the bytes depend on beside the layout and the inputs, as JSON; as in `prepareOutput`. */
  readonly request: unknown;
  /** The inputs as they are: a merge is not resumed with others. See {@link inputStates}. */
  readonly inputs: readonly InputState[];
  /**
   * Paths of files of the output that is replaced. Those in its folder which the new output does
   * not have are removed after it is published.
   */
  readonly replaces?: readonly string[];
}

/** An output that is being written. */
export interface StagedOutput extends OutputSink {
  /** What the interrupted merge gave to `checkpoint` last; undefined where the work begins. */
  readonly progress: unknown;
}

/**
 * Stages the files of an output beside their places, as `.NAME.polyak-partial`. A journal beside
 * them says how far they are written, and a lock which process writes them.
 *
 * `publish` renames the files. A process that is killed leaves the old output, or the new one, or
 * in the midst of renaming several files none and what `resume` publishes. The file that readers
 * open comes last, and is away while files are replaced that an old one may name. A new file has
 * the mode and, where allowed, the owner of the file that it replaces. Of a link, the file that it
 * leads to is replaced. Other hard links to a replaced file keep the old contents.
 *
 * `abandon` keeps the staged files if there was a checkpoint, and removes them otherwise.
 *
 * @param path - of the output: of the last file of the layout, or with `.safetensors` for
 *   `.safetensors.index.json`
 * @param layout - of the output
 * @param options - how
 * @returns the sink, which is published or abandoned by the caller
 * @throws PolyakError `ERR_EXISTS` if the output exists, or an interrupted merge of it;
 * `ERR_BUSY` if a process writes it; `ERR_MISMATCH` if what is resumed was begun with other inputs
 * or options. An `Error` with the code `ENOSPC` if it does not fit on the disk
 */
export async function stageOutput(
  path: string,
  layout: OutputLayout,
  options: StageOptions,
): Promise<StagedOutput> {
  const known = ['force', 'resume', 'request', 'inputs', 'replaces'];
  const given = requireOptions('stageOutput', options, known);
  const place = await placeOf(path);
  const plan = planOf(place, layout, given);
  const needed = plan.files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const explained = (error: unknown): never => {
    throw diskError(error, path, needed);
  };
  const lock = await takeLock(place.lock, path).catch(explained);
  try {
    const interrupted = await interruptedIn(place, given);
    if (interrupted !== undefined) requireSame(place, interrupted, plan);
    const journal = { ...(interrupted ?? plan), force: forced(interrupted, given) };
    const files = await stagedFilesOf(place, journal);
    for (const file of files.all) await requireFree(file.path, journal.force);
    await (interrupted === undefined ? begin(place, files, journal) : resumeIn(files)).catch(
      explained,
    );
    return new Staged(place, lock, files, journal, explained);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The journal of a merge that has not begun. */
function planOf(place: OutputPlace, layout: OutputLayout, options: StageOptions): Journal {
  const { force = false, request, inputs, replaces = [] } = options;
  const files = layout.files.map(({ name, pieces }) => ({
    name,
    byteLength: pieces.reduce((sum, piece) => sum + pieceLength(piece), 0),
    inode: null,
  }));
  const names = new Set(files.map(({ name }) => name));
  const orphans = replaces
    .map((old) => relative(place.folder, resolve(old)).split(sep).join('/'))
    .filter((name) => !names.has(name) && isInside(name) && !isAbsolute(name));
  const hashes = { requestHash: requestHash(request), planHash: planHash(layout, request) };
  return { ...hashes, inputs, force, files, orphans, stage: 'writing', progress: null };
}

async function stagedFilesOf(place: OutputPlace, journal: Journal): Promise<StagedFiles> {
  const files: StagedFile[] = [];
  for (const { name, byteLength } of journal.files) {
    files.push({ ...(await targetOf(place.folder, name)), byteLength });
  }
  const last = files.at(-1)?.name;
  if (!isMain(place, last)) {
    throw new RangeError(
      `${place.output}: the file that readers open is "${last}". Name it as the output.`,
    );
  }
  return new StagedFiles(files);
}

async function begin(place: OutputPlace, files: StagedFiles, journal: Journal): Promise<void> {
  await removeInterrupted(place);
  await files.requireSpace();
  try {
    // Before the files, so that they are found and removed after a kill.
    await writeJournal(place.journal, journal);
    await files.create();
  } catch (error) {
    await files.remove();
    await removeJournal(place.journal);
    throw error;
  }
}

async function resumeIn(files: StagedFiles): Promise<void> {
  await files.requireSpace();
  await files.reopen();
}

/** The sink of a staged output. */
class Staged implements StagedOutput {
  readonly #place: OutputPlace;
  readonly #lock: Lock;
  readonly #files: StagedFiles;
  readonly #explained: (error: unknown) => never;
  #journal: Journal;

  constructor(
    place: OutputPlace,
    lock: Lock,
    files: StagedFiles,
    journal: Journal,
    explained: (error: unknown) => never,
  ) {
    this.#place = place;
    this.#lock = lock;
    this.#files = files;
    this.#journal = journal;
    this.#explained = explained;
  }

  get progress(): unknown {
    return this.#journal.progress ?? undefined;
  }

  async write(file: string, position: number, bytes: Uint8Array): Promise<void> {
    await this.#files.write(file, position, bytes).catch(this.#explained);
  }

  async checkpoint(progress: unknown): Promise<void> {
    await this.#lock.check();
    await this.#files.sync().catch(this.#explained);
    await this.#record({ ...this.#journal, progress });
  }

  async publish(): Promise<void> {
    await this.#lock.check();
    const inodes = await this.#files.finish().catch(this.#explained);
    const files = this.#journal.files.map((file) => ({
      ...file,
      inode: inodes.get(file.name) ?? null,
    }));
    await this.#record({ ...this.#journal, files, stage: 'publishing' });
    await publish(this.#place, this.#journal);
    await this.#lock.release();
  }

  async abandon(): Promise<void> {
    try {
      // Whoever has taken over the lock has the files too.
      if (isWorthKeeping(this.#journal) || !(await this.#lock.isHeld())) return;
      await this.#files.remove();
      await removeJournal(this.#place.journal);
    } finally {
      await this.#files.close();
      await this.#lock.release();
    }
  }

  async #record(journal: Journal): Promise<void> {
    await writeJournal(this.#place.journal, journal).catch(this.#explained);
    this.#journal = journal;
  }
}
