// A shared folder as a store: a local one, NFS, or any that has atomic links and renames.
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { link, mkdir, open, readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { PolyakError } from '@polyak/core';
import { openFile } from '@polyak/safetensors/node';
import type { FileSource } from '@polyak/safetensors/node';
import { codeOf, writeError } from './disk-error.js';
import { requireKey } from './key.js';
import { PartialFile, statOf } from './partial-file.js';
import type { PartialObject, PublishOptions, Store, StoredObject } from './store.js';

const PARTIAL = '.partial';
/** How often the folder of a new file is made again that another process removes meanwhile. */
const TRIES = 10;

/**
 * A folder that all machines of a fleet see, each by its own path. Keys are paths in it. Objects
 * are written under names that begin with a dot and end in `${PARTIAL}`, beside their places.
 *
 * @param path - of the folder
 * @throws PolyakError `ERR_CHECKPOINT` where there is no such folder, such as one that is not
 *   mounted
 */
export function folderStore(path: string): Store {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new PolyakError(
      'ERR_CHECKPOINT',
      `folderStore: there is no folder ${path}. Mount it, or make it.`,
    );
  }
  return new FolderStore(resolve(path));
}

class FolderStore implements Store {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async open(key: string): Promise<StoredObject> {
    // Before it is opened: of one that is replaced meanwhile, the version is seen to differ later.
    const { size, mtimeMs } = await stat(await this.#existing(key)).catch((cause: unknown) => {
      throw PolyakError.is(cause) ? cause : missing(this.name, key, cause);
    });
    const source = await this.#opened(key);
    return {
      size: source.size,
      version: `${size}-${mtimeMs}`,
      read: (offset, length) => source.read(offset, length),
      readInto: (offset, target) => source.readInto(offset, target),
      close: () => source.close(),
    };
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    // It may be removed between any two lines.
    const source = await this.#opened(key).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (source === undefined) return undefined;
    try {
      return await source.read(0, source.size);
    } finally {
      await source.close();
    }
  }

  async #opened(key: string): Promise<FileSource> {
    const path = await this.#existing(key);
    return await openFile(path).catch((cause: unknown) => {
      throw missing(this.name, key, cause);
    });
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#written(key, bytes, async (partial, path) => {
      await rename(partial, path);
      return true;
    });
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    return await this.#written(key, bytes, async (partial, path) => {
      try {
        await link(partial, path);
        return true;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await rm(partial, { force: true });
      }
    });
  }

  async list(prefix: string): Promise<readonly string[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const keys: string[] = [];
    for await (const key of keysIn(this.name, folder)) if (key.startsWith(prefix)) keys.push(key);
    keys.sort();
    return keys;
  }

  async remove(key: string): Promise<void> {
    const path = this.#path(key.replace(/\/$/, ''));
    await rm(path, { force: true, recursive: key.endsWith('/') });
    // Folders are no objects: those that are empty now go, too. One that is not empty stays.
    for (let at = dirname(path); at !== this.name; at = dirname(at)) {
      const isRemoved = await rmdir(at).then(
        () => true,
        () => false,
      );
      if (!isRemoved) return;
    }
  }

  async openPartial(key: string, id: string, byteLength: number): Promise<PartialObject> {
    const path = this.#partial(key, id);
    const handle = await this.#created(path, () =>
      open(path, 'wx+').catch(async (error: unknown) => {
        if (codeOf(error) === 'EEXIST') return await open(path, 'r+');
        throw writeError(error, this.name);
      }),
    );
    // Of many that do so at once, each leaves the same length.
    if ((await handle.stat()).size !== byteLength) await handle.truncate(byteLength);
    return new PartialFile(this.name, path, handle);
  }

  async publish(
    key: string,
    id: string,
    byteLength: number,
    { replace = false }: PublishOptions = {},
  ): Promise<void> {
    const [partial, path] = [this.#partial(key, id), this.#path(key)];
    const [found, there] = [await statOf(partial), await statOf(path)];
    if (found?.size !== BigInt(byteLength)) {
      throw new PolyakError(
        'ERR_CHECKPOINT',
        `publish: ${partial} has ${found?.size ?? 'no'} bytes, expected ${byteLength}. ` +
          'Begin again.',
      );
    }
    if (there?.ino === found.ino && there.dev === found.dev) return;
    if (replace) {
      const second = this.#partial(key, id, '.new');
      await rm(second, { force: true });
      await link(partial, second);
      await rename(second, path);
    } else {
      await link(partial, path).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
        throw new PolyakError('ERR_EXISTS', `publish: ${path} exists. Pass \`force\`.`);
      });
    }
    await syncFolder(dirname(path));
  }

  async removePartial(key: string, id: string): Promise<void> {
    // In this order: after the first, nobody makes the second.
    await rm(this.#partial(key, id), { force: true });
    await rm(this.#partial(key, id, '.new'), { force: true });
  }

  async withdraw(key: string, id: string): Promise<void> {
    // By a link that tells what was published: without the first one, nobody publishes any more.
    const [kept, path] = [this.#partial(key, id, '.withdrawn'), this.#path(key)];
    await link(this.#partial(key, id), kept).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error;
    });
    await this.removePartial(key, id);
    const [own, there] = [await statOf(kept), await statOf(path)];
    if (own !== undefined && own.ino === there?.ino && own.dev === there.dev) {
      await rm(path, { force: true });
    }
    await rm(kept, { force: true });
  }

  async #written(
    key: string,
    bytes: Uint8Array,
    place: (partial: string, path: string) => Promise<boolean>,
  ): Promise<boolean> {
    const path = this.#path(key);
    const partial = join(dirname(path), `.${basename(path)}.${randomUUID()}${PARTIAL}`);
    try {
      const handle = await this.#created(partial, () => open(partial, 'wx'));
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      const isPlaced = await place(partial, path);
      await syncFolder(dirname(path));
      return isPlaced;
    } catch (error) {
      await rm(partial, { force: true });
      throw writeError(error, this.name);
    }
  }

  /** Makes a file, and its folder, which others may remove until it has a file. */
  async #created(path: string, make: () => Promise<FileHandle>): Promise<FileHandle> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#makeFolder(path);
        return await make();
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || tries === TRIES) throw error;
      }
    }
  }

  /** Makes the folder of a new object, which no link leads out of the store. */
  async #makeFolder(path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const [root, folder] = [await realpath(this.name), await realpath(dirname(path))];
    if (folder !== root && !folder.startsWith(root + sep)) throw this.#leadsOut(path);
  }

  #leadsOut(key: string): PolyakError {
    return new PolyakError(
      'ERR_CHECKPOINT',
      `${key}: a link leads out of ${this.name}. Copy the file into the store.`,
    );
  }

  #path(key: string): string {
    requireKey(key);
    return join(this.name, key);
  }

  /** The path of an object, which no link leads out of the store. */
  async #existing(key: string): Promise<string> {
    const path = await realpath(this.#path(key)).catch((cause: unknown) => {
      throw missing(this.name, key, cause);
    });
    const root = await realpath(this.name);
    if (path.startsWith(root + sep)) return path;
    throw this.#leadsOut(key);
  }

  #partial(key: string, id: string, kind: '' | '.new' | '.withdrawn' = ''): string {
    const path = this.#path(key);
    return join(dirname(path), `.${basename(path)}.${id}${kind}${PARTIAL}`);
  }
}

/** Own recursion: that of `readdir` follows links on Node 26, in circles too. */
async function* keysIn(root: string, folder: string): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    },
  );
  for (const entry of entries) {
    if (entry.isDirectory()) yield* keysIn(root, `${folder}${entry.name}/`);
    else if (entry.isFile() && !isPartial(entry.name)) yield folder + entry.name;
  }
}

function isPartial(name: string): boolean {
  return name.startsWith('.') && name.endsWith(PARTIAL);
}

function isMissing(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown };
  return codeOf(cause) === 'ENOENT';
}

function missing(store: string, key: string, cause: unknown): PolyakError {
  return new PolyakError('ERR_CHECKPOINT', `${store} has no object "${key}".`, { cause });
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders, and keeps names in order by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r').catch((error: unknown) => {
    // Another process has removed the object again, and the folder with it.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}
