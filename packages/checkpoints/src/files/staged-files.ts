// The files of an output while they are written, beside the places that they will take.
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PolyakError } from '@polyak/core';
import { codeOf, statOf, takeModeOf, writeAll } from './disk.js';
import { noSpace } from './disk-error.js';
import { inodeOf } from './publish.js';
import type { Target } from './targets.js';

/** A file to stage. */
export interface StagedFile extends Target {
  readonly byteLength: number;
}

interface OpenFile extends StagedFile {
  readonly handle: FileHandle;
  /** Whether bytes were written since the last sync. */
  isDirty: boolean;
}

/** The staged files of an output. */
export class StagedFiles {
  readonly all: readonly StagedFile[];
  readonly #open = new Map<string, OpenFile>();
  /** Those that are this output's: another's may be in the place of one that could not be made. */
  readonly #made: StagedFile[] = [];

  constructor(files: readonly StagedFile[]) {
    this.all = files;
  }

  /** @throws an error with the code `ENOSPC` if the disks have less space than is still needed */
  async requireSpace(): Promise<void> {
    const needed = new Map<string, number>();
    for (const { staged, byteLength } of this.all) {
      const folder = dirname(staged);
      // The space of what an interrupted merge has written is taken already.
      const taken = Number((await statOf(staged))?.blocks ?? 0) * 512;
      needed.set(folder, (needed.get(folder) ?? 0) + Math.max(0, byteLength - taken));
    }
    for (const [folder, bytes] of needed) {
      // A file system that says nothing of its size says nothing of its space.
      const { bavail, blocks, bsize } = await statfs(folder).catch(() => ({
        bavail: 0,
        blocks: 0,
        bsize: 0,
      }));
      if (blocks > 0 && bavail * bsize < bytes) throw noSpace(folder, bytes, bavail * bsize);
    }
  }

  /** Makes the files, with their full lengths. */
  async create(): Promise<void> {
    for (const file of this.all) {
      await mkdir(dirname(file.staged), { recursive: true });
      // The old file may be one that others must not read.
      const mode = Number((await statOf(file.path))?.mode ?? 0o666) | 0o200;
      const handle = await open(file.staged, 'wx', mode).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
        throw new PolyakError(
          'ERR_BUSY',
          `${file.staged} exists: another output with a file of this name is being written, or ` +
            'was interrupted. Delete it if no process writes it.',
        );
      });
      this.#made.push(file);
      this.#open.set(file.name, { ...file, handle, isDirty: true });
      await handle.truncate(file.byteLength);
    }
  }

  /** Opens the files of an interrupted merge. */
  async reopen(): Promise<void> {
    for (const file of this.all) {
      if ((await statOf(file.staged))?.size !== file.byteLength) {
        throw new PolyakError(
          'ERR_CHECKPOINT',
          `${file.staged} is gone or was changed, so that the merge cannot be resumed. ` +
            'Pass `force` without `resume` to begin again.',
        );
      }
    }
    for (const file of this.all) {
      this.#open.set(file.name, { ...file, handle: await open(file.staged, 'r+'), isDirty: true });
    }
  }

  async write(name: string, position: number, bytes: Uint8Array): Promise<void> {
    const file = this.#open.get(name);
    if (file === undefined || position < 0 || position + bytes.byteLength > file.byteLength) {
      throw new RangeError(
        `"${name}" has no bytes ${position} to ${position + bytes.byteLength} in the layout`,
      );
    }
    await writeAll(file.handle, bytes, position);
    // Only now: a sync that began before has not seen these bytes.
    file.isDirty = true;
  }

  /** Makes durable what has been written. */
  async sync(): Promise<void> {
    for (const file of this.#open.values()) {
      if (!file.isDirty) continue;
      file.isDirty = false;
      try {
        await file.handle.datasync();
      } catch (error) {
        file.isDirty = true;
        throw error;
      }
    }
  }

  /**
   * Gives the files the modes of those that they replace, makes them durable and closes them.
   *
   * @returns their numbers in the file system
   */
  async finish(): Promise<ReadonlyMap<string, string>> {
    const inodes = new Map<string, string>();
    for (const { name, path, handle } of this.#open.values()) {
      const old = await statOf(path);
      if (old !== undefined) await takeModeOf(handle, old);
      await handle.sync();
      inodes.set(name, inodeOf(await handle.stat()));
    }
    await this.close();
    return inodes;
  }

  async close(): Promise<void> {
    for (const [name, { handle }] of this.#open) {
      this.#open.delete(name);
      await handle.close();
    }
  }

  /** Removes the files that were made. */
  async remove(): Promise<void> {
    await this.close().catch(() => undefined);
    for (const { staged } of this.#made) await rm(staged, { force: true });
  }
}
