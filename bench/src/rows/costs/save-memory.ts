// The peak memory of saving a state, beside the averages: each way to save in a process of its own,
// since a process only knows its highest peak.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SaveName } from '../files.js';
import type { Cost } from './cost.js';

/** How many copies of the state each way makes. */
const COPIES: Readonly<Record<SaveName, number>> = {
  'withStateDict, chunks': 0,
  'stateDict, chunks': 1,
  'stateDict, one array': 2,
};

/** The peak memory of every way to save, by the bytes of the state. */
export async function saveMemoryCosts(): Promise<readonly Cost[]> {
  const costs: Cost[] = [];
  for (const [name, computed] of Object.entries(COPIES)) {
    const value = await peakOf(name);
    costs.push({ work: 'memory', name: `save, ${name}`, unit: 'of the state', value, computed });
  }
  return costs;
}

async function peakOf(name: string): Promise<number> {
  const script = fileURLToPath(new URL('save-memory-child.ts', import.meta.url));
  const child = fork(script, [name], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)));
    child.once('exit', (code) =>
      reject(new Error(`The memory of "${name}": the process ended with ${code}.`)),
    );
  });
}
