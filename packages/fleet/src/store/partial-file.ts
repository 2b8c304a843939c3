// A file that many processes write together, before it is published.
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { PolyakError } from '@polyak/core';
import { codeOf, writeError } from './disk-error.js';
import type { PartialObject } from './store.js';

/** A file that is published by a second link, and removed from its first path after that. */
export class PartialFile implements PartialObject {
  readonly #store: string;
  readonly #path: string;
  readonly #handle: FileHandle;

  /**
   * @param store - its name, for messages
   * @param path - of the file
   * @param handle - open for reading and writing
   */
  constructor(store: string, path: string, handle: FileHandle) {
    this.#store = store;
    this.#path = path;
    this.#handle = handle;
  }

  async write(begin: number, bytes: Uint8Array): Promise<void> {
    // A process that was stopped before this line writes after publication what it has computed
    // from inputs that had not changed until then: the same bytes once more.
    const there = await statOf(this.#path);
    const isPublished = there === undefined || there.nlink > 1n;
    if (isPublished || there.ino !== (await this.#handle.stat({ bigint: true })).ino) {
      throw new PolyakError(
        'ERR_CHECKPOINT',
        `write: ${this.#path} was published or removed meanwhile.`,
      );
    }
    try {
      await this.#writeAll(begin, bytes);
    } catch (error) {
      throw writeError(error, this.#store);
    }
  }

  async #writeAll(begin: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      const { bytesWritten } = await this.#handle.write(bytes, at, undefined, begin + at);
      at += bytesWritten;
    }
    await this.#handle.datasync();
  }

  async read(begin: number, byteLength: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(byteLength);
    for (let at = 0; at < byteLength;) {
      const { bytesRead } = await this.#handle.read(bytes, at, byteLength - at, begin + at);
      if (bytesRead === 0) return bytes.subarray(0, at);
      at += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** What is at a path, with numbers that may be beyond 2^53; undefined where nothing is. */
export async function statOf(path: string): Promise<BigIntStats | undefined> {
  return await stat(path, { bigint: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}
