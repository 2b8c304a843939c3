// A CommonJS program of users: `require` of the packages, which are ES modules.
import assert = require('node:assert/strict');
import cpu = require('@polyak/backend-cpu');
import core = require('@polyak/core');

const data = Float32Array.of(0);
const weight = cpu.parameter('weight', { dtype: 'float32', shape: [1], data });
const average = new core.AveragedModel([weight], { backend: cpu.cpuBackend() });
async function main(): Promise<void> {
  for (const value of [1, 2, 6]) {
    data[0] = value;
    await average.update();
  }
  assert.equal(await average.withAveraged(() => data[0]), 3);
}
void main();
