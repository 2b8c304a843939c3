// Merges of checkpoint files.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { tensorStatistics } from '@polyak/checkpoints/inspect';
import { ties } from '@polyak/checkpoints/methods';
import { mergeFiles, openCheckpoint } from '@polyak/checkpoints/node';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';

const folder = await mkdtemp('checkpoints-');
const [first, second, third] = await Promise.all(
  [1, 2, 6].map(async (value) => {
    const path = join(folder, `${value}.safetensors`);
    const weight = { dtype: 'float32', shape: [2], data: Float32Array.of(value, 0) } as const;
    await writeFile(path, encodeSafetensors({ weight }));
    return path;
  }),
);
assert.ok(first !== undefined && second !== undefined && third !== undefined);

const output = join(folder, 'merged.safetensors');
await mergeFiles([first, second, third], output, { method: mean(3) });
const merged = async () => [
  ...(decodeSafetensors(await readFile(output)).tensors['weight']?.data ?? []),
];
assert.deepEqual(await merged(), [3, 0]);
const checkpoint = await openCheckpoint(output);
for await (const { name, values } of tensorStatistics(checkpoint)) {
  assert.deepEqual([name, values?.max], ['weight', 3]);
}
await checkpoint.close();
await rm(output);
await mergeFiles([second, third], output, { method: ties({ density: 0.5 }), base: first });
assert.deepEqual(await merged(), [4, 0]);
await rm(folder, { recursive: true });
