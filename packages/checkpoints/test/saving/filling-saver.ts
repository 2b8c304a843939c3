// A process of its own that saves until the disk is full, and says what it found then.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStore } from '@polyak/checkpoints/node';
import { CheckpointFolder } from '@polyak/checkpoints/saving';
import type { StateTree } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';

/** What the process prints. */
export interface Filled {
  readonly error: { readonly code: string; readonly cause: string; readonly message: string };
  /** The names of the folder's files after the error. */
  readonly names: readonly string[];
  /** The steps of its checkpoints, and the sums of what each of them holds. */
  readonly sums: Readonly<Record<number, number>>;
  /** The names after the oldest checkpoint was removed and the save repeated. */
  readonly afterwards: readonly string[];
}

const [path = '', limit] = process.argv.slice(2);
const folder = new CheckpointFolder(fileStore(path), { maxToKeep: Infinity });

// Each is larger than the one before: the first ones fit.
const stateOf = (step: number): StateTree => {
  const data = new Float32Array(limit === 'file' ? 3_000 * step : 50_000).fill(step);
  return { w: { dtype: 'float32', shape: [data.length], data } };
};

let step = 1;
let failed: unknown;
while (step < 50 && failed === undefined) {
  try {
    await folder.save(step, stateOf(step));
  } catch (error) {
    failed = error;
  }
  step += 1;
}
const { code, cause, message } = failed as Error & { code: string; cause: { code: string } };
const names = await readdir(path);
const sums: Record<number, number> = {};
for (const saved of await folder.list()) {
  const { w } = (await folder.load(saved)) as { readonly w: HostTensor };
  sums[saved.step] =
    (w.data as Float32Array).reduce((sum, value) => sum + value, 0) / w.data.length;
}
await rm(join(path, 'step=1.safetensors'));
await folder.save(step, limit === 'file' ? { small: true } : stateOf(step));
const afterwards = await readdir(path);
const filled: Filled = { error: { code, cause: cause.code, message }, names, sums, afterwards };
process.stdout.write(JSON.stringify(filled));
