// A store, and what is said where there is no Redis.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import { encodeSafetensors } from '@polyak/safetensors';

const folder = await mkdtemp('fleet-');
const weight = { dtype: 'float32', shape: [1], data: Float32Array.of(1) } as const;
await writeFile(join(folder, 'a.safetensors'), encodeSafetensors({ weight }));
const store = folderStore(folder);
assert.equal(await store.putIfAbsent('runs/1', new Uint8Array([7])), true);
assert.equal(await store.putIfAbsent('runs/1', new Uint8Array([8])), false);
assert.deepEqual([...((await store.get('runs/1')) ?? [])], [7]);
assert.deepEqual(await store.list('runs/'), ['runs/1']);

const url = 'redis://127.0.0.1:1';
const message = /^Error: Redis is not reached at 127\.0\.0\.1:1/u;
const fleet = { store, url };
const merge = mergeByFleet(fleet, ['a.safetensors'], 'b.safetensors', { method: mean(1) });
await assert.rejects(merge, message);
await assert.rejects(startWorker(fleet), message);
await rm(folder, { recursive: true });
