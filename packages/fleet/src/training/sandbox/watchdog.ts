// Ends a process when the one that started it is gone.
import { Worker } from 'node:worker_threads';

/**
 * A parent that is killed takes this process along: one that blocks would go on for ever, and one
 * that does not would try for ever to tell it. Only a thread can see that at any time, and only a
 * signal ends the process from there.
 *
 * @param parent - the process id; it may be gone already
 */
export function endWith(parent: number): void {
  const watchdog = `
    setInterval(() => {
      if (process.ppid !== ${parent}) process.kill(process.pid, 'SIGKILL');
    }, 500);
  `;
  new Worker(watchdog, { eval: true, execArgv: [] }).unref();
}
