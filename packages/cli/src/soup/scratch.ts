// A folder for the candidates of a soup, beside its output: the folder for temporary files may be
// on a small disk.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

// The name says which process made it: what one that was killed has left can be told apart.
const NAME = /^\.polyak-soup-(\d+)-(.+)-\w{6}$/u;

/** Makes a folder in `parent`, and removes those of processes of this machine that have ended. */
export async function scratchFolder(parent: string): Promise<string> {
  for (const name of await readdir(parent)) {
    const [, pid, host] = NAME.exec(name) ?? [];
    if (host === hostname() && !isAtWork(Number(pid))) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  return await mkdtemp(join(parent, `.polyak-soup-${process.pid}-${hostname()}-`));
}

/** Whether the process with this number may be making a soup. */
function isAtWork(pid: number): boolean {
  // Containers number their processes alike: this was an earlier one.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
