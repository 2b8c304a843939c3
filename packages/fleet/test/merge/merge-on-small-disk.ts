// A process that merges, and works itself, in the folder that it runs in; prints what happened.
import { readdirSync } from 'node:fs';
import { mean } from '@polyak/checkpoints';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import { writeModels } from './checkpoints.js';

const [, , url = '', elements = ''] = process.argv;
const inputs = writeModels('.', 2, Number(elements));
const fleet = { store: folderStore('.'), url };
const worker = await startWorker(fleet, { onWarning: () => undefined });
const options = { method: mean(2), partBytes: 40_000 };
const outcome = await mergeByFleet(fleet, inputs, 'out.safetensors', options).then(
  () => 'made',
  (error: unknown) => String(error),
);
await worker.close();
process.stdout.write(`${JSON.stringify({ outcome, files: readdirSync('.').toSorted() })}\n`);
