// Creates folders completely or not at all, so that an interrupted build can be run again.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';

/**
 * Makes a folder, unless it is there already. It is filled under another name and given its own at
 * the end.
 *
 * @param folder - its absolute path
 * @param fill - puts everything into the folder that it is given
 * @returns whether the folder was made now
 */
export async function makeWhole(
  folder: string,
  fill: (partial: string) => Promise<void>,
): Promise<boolean> {
  if (existsSync(folder)) return false;
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true });
  const prefix = `${basename(folder)}.partial-`;
  for (const name of readdirSync(parent)) {
    // What a killed run left. Its pip may live on and still write there.
    if (name.startsWith(prefix))
      rmSync(join(parent, name), { recursive: true, force: true, maxRetries: 5 });
  }
  const partial = join(parent, `${prefix}${process.pid}`);
  mkdirSync(partial);
  await fill(partial);
  renameSync(partial, folder);
  return true;
}

/**
 * Lets `path` be a symbolic link to `target`, whatever it was; there is no moment without the one
 * or the other.
 */
export function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}`;
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  renameSync(fresh, path);
}
