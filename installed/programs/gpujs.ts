// gpu.js: the argument is its mode.
import assert from 'node:assert/strict';
import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsMode } from '@polyak/backend-gpujs';
import { AveragedModel } from '@polyak/core';
import gpujs from 'gpu.js';

const [, , mode = 'cpu'] = process.argv;
const weights = new Float32Array(100);
const backend = await gpujsBackend({ GPU: gpujs.GPU, mode: mode as GpujsMode });
assert.equal(backend.name, `gpujs:${mode}`);
const average = new AveragedModel([gpujsParameter('weight', weights)], { backend });
for (const scale of [1, 2, 6]) {
  weights.forEach((_, i) => (weights[i] = scale * Math.sin(i)));
  await average.update();
}
const live = [...weights];
await average.withAveraged(() => {
  weights.forEach((value, i) => assert.ok(Math.abs(value - 3 * Math.sin(i)) < 1e-6));
});
assert.deepEqual([...weights], live);
await average.dispose();
await backend.release();
