// The peak memory of saving, beside the averages, relative to the bytes of the state: each way in a
// process of its own, since a process only knows its highest peak.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { averagedSWA, SAVES } from './files.js';

const SIZE = { elements: 100_000_000, tensors: 160 };

/** What one way to save takes. */
export interface PeakMemory {
  readonly work: 'save';
  readonly name: string;
  readonly elements: number;
  readonly tensors: number;
  /** How far memory rises above what the process took before, by the bytes of the state. */
  readonly ratio: number;
}

/** Measures every way to save. */
export function measurePeakMemory(): readonly PeakMemory[] {
  return Object.keys(SAVES).map((name) => {
    const script = fileURLToPath(import.meta.url);
    const output = execFileSync(process.execPath, [...process.execArgv, script, name]);
    return { work: 'save', name, ...SIZE, ratio: Number(output) };
  });
}

async function measure(name: string): Promise<number> {
  const save = SAVES[name];
  if (save === undefined) throw new Error(`There is no way to save called "${name}".`);
  const swa = await averagedSWA(SIZE);
  const folder = mkdtempSync(join(tmpdir(), 'polyak-bench-'));
  const before = process.resourceUsage().maxRSS;
  await save(swa, join(folder, 'state'));
  rmSync(folder, { recursive: true });
  return ((process.resourceUsage().maxRSS - before) * 1024) / (4 * SIZE.elements);
}

const [, script, name] = process.argv;
if (script === fileURLToPath(import.meta.url) && name !== undefined) {
  process.stdout.write(String(await measure(name)));
}
