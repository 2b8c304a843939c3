// Checks the user's module before a worker takes jobs.
import { fork } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Store } from '../store/store.js';
import { environmentOf } from './sandbox/settings.js';

/** The URL of a module that is given by its path or URL. */
export function moduleUrl(module: string | URL): string {
  if (module instanceof URL) return module.href;
  return module.startsWith('file:') ? module : pathToFileURL(resolvePath(module)).href;
}

/** A file of the folder `sandbox`: a source or built. */
export function sandboxFile(name: string): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`sandbox/${name}.${extension}`, import.meta.url);
}

/**
 * Loads a module in a process apart from this one, as jobs will.
 *
 * @throws Error where it is not a `TrainingModule` that opens the store
 */
export async function requireModule(store: Store, module: string | URL): Promise<void> {
  const url = moduleUrl(module);
  const child = fork(sandboxFile('check'), {
    env: environmentOf({ store: store.name, module: url, pid: process.pid, pollMs: 0 }),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const end = await new Promise<string | undefined>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve(signal ?? `exit code ${code}`);
    });
    child.once('message', () => {
      resolve(undefined);
      child.kill('SIGKILL');
    });
  });
  if (end === undefined) return;
  throw new Error(
    `startWorker: the module ${url} cannot be used: its process ended with ${end}. Correct the ` +
      `module, or its path.\n${errors.trimEnd()}`,
  );
}
