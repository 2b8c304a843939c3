// SWA over the CPU backend, in a page or a worker.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { observedOptimizer, SWA } from '@polyak/core';

/** The largest distance of the averages from the means of the weights. */
async function run(kernel: string): Promise<number> {
  const data = new Float32Array(1000);
  const weight = parameter('weight', { dtype: 'float32', shape: [1000], data });
  const swa = new SWA(observedOptimizer([{ params: [weight], lr: 0.1 }]), {
    backend: cpuBackend({ kernel: kernel === 'js' ? 'js' : 'wasm' }),
    swaStart: 2,
    swaFreq: 1,
  });
  for (let step = 1; step <= 5; step += 1) {
    data.forEach((_, i) => (data[i] = step * step * Math.sin(i)));
    await swa.step();
  }
  const mean = (9 + 16 + 25) / 3;
  return swa.withAveraged(() =>
    Math.max(...data.map((value, i) => Math.abs(value - mean * Math.sin(i)))),
  );
}

Object.assign(globalThis, { polyak: run });
