// A folder of the File System API, such as a browser's private one, for `CheckpointFolder`.
import { PolyakError } from '@polyak/core';
import { requireMembers } from '@polyak/core/kit';
import type { FolderStore } from './folder-store.js';

/** What is needed of a `FileSystemDirectoryHandle`. */
export interface DirectoryHandle {
  /** The name of the folder, for messages. */
  readonly name: string;
  /** The names of what it holds. */
  keys(): AsyncIterable<string>;
  /** The handle of a file in it. */
  getFileHandle(name: string, options?: { readonly create?: boolean }): Promise<MovableHandle>;
  /** Removes a file. */
  removeEntry(name: string): Promise<void>;
}

/** What is needed of a `FileSystemFileHandle`. */
export interface MovableHandle {
  /** Begins to write beside the file. */
  createWritable(): Promise<{
    /** Writes after what was written before. */
    write(data: Uint8Array<ArrayBuffer>): Promise<void>;
    /** Puts what was written into the file. */
    close(): Promise<void>;
    /** Drops what was written. */
    abort(): Promise<void>;
  }>;
  /** The file as it is now. */
  getFile(): Promise<{
    /** Its bytes. */
    arrayBuffer(): Promise<ArrayBuffer>;
  }>;
  /** Renames the file, which replaces one of that name. TypeScript's types lack it. */
  move?(name: string): Promise<void>;
}

/** What is needed of `navigator.locks`. */
interface Locks {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>;
}

const PARTIAL = /^\.step=.*\.safetensors\.[0-9a-f-]{36}\.partial(\.crswap)?$/;

/**
 * A folder of the File System API, for {@link CheckpointFolder}: of the origin's private file
 * system (OPFS), in a page or a worker.
 *
 * A file is written under another name and takes its place by a move. While it is written, a lock
 * of its name is held, which ends with the page; the next save removes the files that no page
 * writes any more. Browsers do not say when a file is durable: a power failure can cost the last
 * one. A save throws `ERR_UNSUPPORTED` where the browser cannot move files or has no locks.
 *
 * @param handle - of the folder
 * @throws TypeError if it is none, such as a path
 * @example
 * ```ts
 * import { CheckpointFolder, directoryStore } from '@polyak/checkpoints/saving';
 * import type { DirectoryHandle } from '@polyak/checkpoints/saving';
 *
 * async function openRun(root: FileSystemDirectoryHandle): Promise<CheckpointFolder> {
 *   // navigator.storage.getDirectory() gives the root.
 *   const folder = await root.getDirectoryHandle('run', { create: true });
 *   return new CheckpointFolder(directoryStore(folder), { maxToKeep: 2 });
 * }
 * ```
 */
export function directoryStore(handle: DirectoryHandle): FolderStore {
  requireMembers(
    'directoryStore: the handle',
    handle,
    { name: 'a name', keys: 'a function', getFileHandle: 'a function', removeEntry: 'a function' },
    'Pass a FileSystemDirectoryHandle, such as navigator.storage.getDirectory() gives.',
  );
  const remove = async (name: string): Promise<void> => {
    await handle.removeEntry(name).catch((error: unknown) => {
      if ((error as Partial<Error>).name !== 'NotFoundError') throw error;
    });
  };
  const list = async (): Promise<readonly string[]> => {
    const names: string[] = [];
    for await (const name of handle.keys()) names.push(name);
    return names;
  };
  return {
    name: handle.name === '' ? 'the private file system' : handle.name,
    list,
    remove,
    async read(name) {
      const file = await (await handle.getFileHandle(name)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    },
    async write(name, chunks) {
      const locks = requireLocks();
      const partial = `.${name}.${crypto.randomUUID()}.partial`;
      // In this order: a writer takes the lock before it makes the file.
      const found = (await list()).filter((one) => PARTIAL.test(one));
      const held = new Set((await locks.query()).held?.map((lock) => lock.name));
      for (const left of found) {
        if (held.has(left.replace(/\.crswap$/, ''))) continue;
        // One that stays, such as a locked one, is no reason not to save.
        await remove(left).catch(() => undefined);
      }
      await locks.request(partial, async () => {
        try {
          await writeMoved(await handle.getFileHandle(partial, { create: true }), name, chunks);
        } catch (error) {
          await remove(partial).catch(() => undefined);
          throw error;
        }
      });
    },
  };
}

async function writeMoved(
  handle: MovableHandle,
  name: string,
  chunks: Iterable<Uint8Array>,
): Promise<void> {
  if (handle.move === undefined) throw unsupported('cannot move files of this folder');
  const file = await handle.createWritable();
  try {
    for (const chunk of chunks) await file.write(chunk as Uint8Array<ArrayBuffer>);
  } catch (error) {
    await file.abort();
    throw error;
  }
  await file.close();
  await handle.move(name);
}

function requireLocks(): Locks {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: Locks } };
  if (navigator?.locks !== undefined) return navigator.locks;
  throw unsupported('has no navigator.locks');
}

function unsupported(what: string): PolyakError {
  return new PolyakError(
    'ERR_UNSUPPORTED',
    `save: this browser ${what}. Use a current one, or download the bytes of toSafetensors.`,
  );
}
