// Worker processes of the fleet.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A worker in a process of its own. */
export interface WorkerProcess {
  readonly pid: number;
  /** Ends it at once, as a machine that fails does. */
  kill(): void;
  /** Lets it finish what it does. */
  stop(): Promise<void>;
}

/**
 * Starts a worker.
 *
 * @param url - of Redis
 * @param folder - of the store
 */
export async function startWorkerProcess(url: string, folder: string): Promise<WorkerProcess> {
  const script = fileURLToPath(new URL('worker.ts', import.meta.url));
  const flags = ['--conditions=@polyak/source', '--import', import.meta.resolve('tsx')];
  const child = spawn(process.execPath, [...flags, script, url, folder], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await ready(child);
  return {
    pid: child.pid ?? 0,
    kill: () => void child.kill('SIGKILL'),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function ready(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`a worker ended with ${code} at its start.`)));
  });
}
