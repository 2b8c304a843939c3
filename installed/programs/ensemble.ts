// A soup, snapshots and SWAG.
import assert from 'node:assert/strict';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { NamedTensors } from '@polyak/core';
import { Snapshots, Soup, SWAG } from '@polyak/ensemble';

const member = (value: number): NamedTensors => ({
  weight: { dtype: 'float32', shape: [1], data: Float32Array.of(value) },
});
const soup = new Soup().add(member(1)).add(member(2)).add(member(9));
assert.deepEqual([...(soup.mean()['weight']?.data ?? [])], [4]);

const backend = cpuBackend();
const data = new Float32Array(1);
const parameters = [parameter('weight', { dtype: 'float32', shape: [1], data })];
const snapshots = new Snapshots(parameters, { backend, store: 'host', limit: 3 });
const swag = new SWAG(parameters, { backend, rank: 2 });
for (const value of [1, 2, 3, 6]) {
  data[0] = value;
  await snapshots.take();
  await swag.collect();
}
assert.deepEqual(await snapshots.withEach(() => data[0]), [2, 3, 6]);
assert.equal(await swag.withSample(() => data[0], { scale: 0 }), 3);
assert.equal(data[0], 6);
