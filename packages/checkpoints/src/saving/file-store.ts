// A folder of the disk, for `CheckpointFolder`.
import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openFile } from '@polyak/safetensors/node';
import { replaceFile } from '../files/replace-file.js';
import { isAlive, thisProcess } from '../files/running-process.js';
import type { RunningProcess } from '../files/running-process.js';
import type { FolderStore } from './folder-store.js';

// .NAME.TOKEN.PID.BEGAN.HOST.partial
const PARTIAL = /^\.step=.*\.safetensors\.[0-9a-f]{8}\.(\d+)\.(\d*)\.(.+)\.partial$/;
/** After this time without a write, a file of another machine is taken for left. */
const ABANDONED_AFTER = 24 * 60 * 60 * 1000;

/**
 * A folder of the disk, for `CheckpointFolder` of `@polyak/checkpoints/saving`.
 *
 * A file is written beside its place, under a hidden name that says which process writes it. It is
 * made durable and takes its place by a rename; then its name is made durable. The next save
 * removes what a killed process of this machine has left, and what one of another machine has not
 * written to for a day.
 *
 * @param path - of the folder, which must exist
 * @throws TypeError if it is no string
 */
export function fileStore(path: string): FolderStore {
  if (typeof path !== 'string') {
    throw new TypeError(`fileStore: the path is of type ${typeof path}, expected a string.`);
  }
  return {
    name: path,
    list: async () => readdir(path),
    async read(name) {
      // `readFile` reads no more than 2 GiB.
      const file = await openFile(join(path, name));
      try {
        return await file.read(0, file.size);
      } finally {
        await file.close();
      }
    },
    async write(name, chunks) {
      const me = await thisProcess();
      await removeLeft(path, me);
      await replaceFile(join(path, name), join(path, partialOf(name, me)), chunks);
    },
    remove: async (name) => rm(join(path, name), { force: true }),
  };
}

function partialOf(name: string, { pid, began = '', host }: RunningProcess): string {
  return `.${name}.${randomUUID().slice(0, 8)}.${pid}.${began}.${host}.partial`;
}

async function removeLeft(folder: string, me: RunningProcess): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, pid, began = '', host] = PARTIAL.exec(name) ?? [];
    if (host === undefined) continue;
    const path = join(folder, name);
    const isLeft =
      host === me.host
        ? !(await isAlive({ pid: Number(pid), began: began === '' ? undefined : began, host }))
        : await isOld(path);
    // One that stays, such as another user's, is no reason not to save.
    if (isLeft) await rm(path, { force: true }).catch(() => undefined);
  }
}

async function isOld(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
  return Date.now() - mtimeMs > ABANDONED_AFTER;
}
