// One writer of an output at a time: a file beside it that names the process.
import { randomUUID } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { PolyakError } from '@polyak/core';
import { codeOf } from './disk.js';
import { isAlive, thisProcess } from './running-process.js';
import type { RunningProcess } from './running-process.js';

/** The process that writes. */
interface Owner extends RunningProcess {
  /** Tells the locks of one process apart. */
  readonly token: string;
}

/** The right to write an output. */
export interface Lock {
  /** Whether no other process has taken it over. */
  isHeld(): Promise<boolean>;
  /** @throws PolyakError `ERR_BUSY` if another process has taken the lock over */
  check(): Promise<void>;
  /** Gives the right back, if it is still held. */
  release(): Promise<void>;
}

/**
 * Takes the lock. That of a process which has ended is taken over.
 *
 * @param path - of the lock
 * @param output - for messages
 * @throws PolyakError `ERR_BUSY` if a process holds it
 */
export async function takeLock(path: string, output: string): Promise<Lock> {
  const owner: Owner = { ...(await thisProcess()), token: randomUUID() };
  while (!(await create(path, owner))) {
    await requireEnded(path, output);
    // If two processes do this at once, the second removes the first one's lock, and the first
    // one's check fails before it publishes anything.
    await rm(path, { force: true });
  }
  const isHeld = async (): Promise<boolean> => (await ownerIn(path))?.token === owner.token;
  return {
    isHeld,
    async check() {
      if (await isHeld()) return;
      throw new PolyakError('ERR_BUSY', `${output}: another process has taken over ${path}.`);
    },
    async release() {
      if (await isHeld()) await rm(path, { force: true });
    },
  };
}

/** @throws PolyakError `ERR_BUSY` if the process of a lock may still be at work */
export async function requireEnded(path: string, output: string): Promise<void> {
  const owner = await ownerIn(path);
  if (owner === undefined) return;
  const here = owner.host === hostname();
  if (here && !(await isAlive(owner))) return;
  const remedy = here ? '' : ` If it has ended, delete ${path}.`;
  throw new PolyakError(
    'ERR_BUSY',
    `${output}: process ${owner.pid}${here ? '' : ` on ${owner.host}`} is writing it. ` +
      `Wait for it, or name another output.${remedy}`,
  );
}

async function create(path: string, owner: Owner): Promise<boolean> {
  const handle = await open(path, 'wx').catch((error: unknown) => {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  });
  if (handle === undefined) return false;
  try {
    await handle.writeFile(JSON.stringify(owner));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return true;
}

/** Who holds a lock: undefined if no one does, or if a process ended before it had written it. */
async function ownerIn(path: string): Promise<Owner | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const owner = parse(text);
    if (owner !== undefined) return owner;
    await wait(50);
  }
  return undefined;
}

function parse(text: string): Owner | undefined {
  try {
    const { pid, host, began, token } = JSON.parse(text) as Partial<Record<string, unknown>>;
    if (!Number.isSafeInteger(pid) || typeof pid !== 'number' || pid <= 0) return undefined;
    if (typeof host !== 'string' || typeof token !== 'string') return undefined;
    return { pid, host, began: typeof began === 'string' ? began : undefined, token };
  } catch {
    return undefined;
  }
}
