// SWA over the CPU backend: training, averages, a swap there and back, a state that is saved and
// loaded.
import assert from 'node:assert/strict';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { CpuBackendOptions } from '@polyak/backend-cpu';
import { fromSafetensors, observedOptimizer, PolyakError, SWA, toSafetensors } from '@polyak/core';

const TRUTH = [1, -2, 3, -4];
const START = 40;

function training(options: CpuBackendOptions) {
  const data = new Float32Array(TRUTH.length);
  const weight = parameter('weight', { dtype: 'float32', shape: [TRUTH.length], data });
  const optimizer = observedOptimizer([{ params: [weight], lr: 0.2 }]);
  const swa = new SWA(optimizer, { backend: cpuBackend(options), swaStart: START, swaFreq: 2 });
  const step = async (n: number): Promise<void> => {
    data.forEach((value, i) => {
      const slope = value - (TRUTH[i] ?? 0) + Math.sin(12.9898 * (n * TRUTH.length + i + 1));
      data[i] = value - 0.2 * slope;
    });
    await swa.step();
  };
  return { data, swa, step };
}

for (const kernel of ['wasm', 'js'] as const) {
  const { data, swa, step } = training({ kernel });
  await assert.rejects(swa.swapSwaSgd(), (error) => {
    return PolyakError.is(error) && error.code === 'ERR_NO_AVERAGES';
  });
  const visited: number[][] = [];
  for (let n = 1; n <= 100; n += 1) {
    await step(n);
    if (n > START && n % 2 === 0) visited.push([...data]);
  }
  assert.equal(swa.paramGroups[0]?.nAvg, visited.length);

  const live = [...data];
  await swa.swapSwaSgd();
  for (const [i, value] of data.entries()) {
    const mean = visited.reduce((sum, weights) => sum + (weights[i] ?? NaN), 0) / visited.length;
    assert.ok(Math.abs(value - mean) < 1e-6, `${value} is not the mean ${mean}`);
  }
  const averaged = [...data];
  await swa.swapSwaSgd();
  assert.deepEqual([...data], live);

  const resumed = training({ kernel });
  await resumed.swa.loadStateDict(fromSafetensors(toSafetensors(await swa.stateDict())));
  assert.deepEqual(await resumed.swa.withAveraged(() => [...resumed.data]), averaged);
  await Promise.all([swa.dispose(), resumed.swa.dispose()]);
}
