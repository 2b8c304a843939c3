// Whether a process that left something in a folder is still at work.
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { codeOf } from './disk.js';

/** A process, so described that no other one is taken for it. */
export interface RunningProcess {
  readonly pid: number;
  readonly host: string;
  /** When the process began, where the system says so: numbers of processes are used again. */
  readonly began: string | undefined;
}

/** The process that runs this. */
export async function thisProcess(): Promise<RunningProcess> {
  const { began } = await statusOf(process.pid);
  return { pid: process.pid, host: hostname(), began };
}

/** Whether a process of this machine still runs. */
export async function isAlive({ pid, began }: RunningProcess): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  const found = await statusOf(pid);
  // One that has ended has a number until its parent asks, which not every one does: a zombie.
  if (found.state === 'Z') return false;
  return began === undefined || began === found.began;
}

/**
 * The state of a process, and when it began, in ticks since the machine started; only Linux says
 * them.
 */
async function statusOf(
  pid: number,
): Promise<{ readonly state: string | undefined; readonly began: string | undefined }> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is a name in parentheses, which may hold spaces; the beginning is the 22nd.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], began: fields[19] };
}
