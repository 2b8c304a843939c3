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
  return { pid: process.pid, host: hostname(), began: await beginningOf(process.pid) };
}

/** Whether a process of this machine still runs. */
export async function isAlive({ pid, began }: RunningProcess): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  return began === undefined || began === (await beginningOf(pid));
}

/** When a process began, in ticks since the machine started; only Linux says it. */
async function beginningOf(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is a name in parentheses, which may hold spaces; the beginning is the 22nd.
  return line?.slice(line.lastIndexOf(')') + 2).split(' ')[19];
}
