// A process that begins a merge, and waits for it.
import { methodOf } from '@polyak/checkpoints/methods';
import { mean } from '@polyak/checkpoints';
import { PolyakError } from '@polyak/core';
import { folderStore, mergeByFleet } from '@polyak/fleet';

/** What the process is told to do. */
export interface ProducerOptions {
  readonly folder: string;
  readonly url: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly ties: boolean;
  readonly partBytes: number;
  readonly shardBytes?: number;
}

/** How it ended. */
export type ProducerMessage = 'done' | { readonly error: string; readonly isRefused: boolean };

const { folder, url, inputs, output, ties, ...options } = JSON.parse(
  process.argv[2] ?? '',
) as ProducerOptions;
const [base = '', ...models] = inputs;
const method = ties
  ? { base, method: methodOf('ties', { density: 0.4 }) }
  : { method: mean(inputs.length) };

process.once('disconnect', () => process.exit());
let message: ProducerMessage = 'done';
try {
  const fleet = { store: folderStore(folder), url };
  await mergeByFleet(fleet, ties ? models : inputs, output, { ...options, ...method });
} catch (error) {
  message = { error: String(error), isRefused: PolyakError.is(error) };
}
process.send?.(message, () => process.exit());
