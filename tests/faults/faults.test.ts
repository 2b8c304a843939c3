// One call fails, at random: nothing has changed, and what is tried again succeeds.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor } from '@polyak/core/interfaces';
import { expect, it, vi } from 'vitest';
import { onnxHarness } from '../support/onnx/harness.js';
import { plainBackend, plainParameter } from '../support/plain-backend.js';
import { tfjsHarness } from '../support/tfjs/harness.js';
import { runScript } from './script.js';

const SEED = 20_261_127;

function cpuHarness(): BackendHarness<HostTensor> {
  const backend = cpuBackend({ kernel: 'js' });
  return {
    backend,
    parameter: (name, tensor) => parameter(name, { ...tensor, data: tensor.data.slice() }),
    liveTensors: () => backend.memory().tensors,
  };
}

function plainHarness(): BackendHarness<HostTensor> {
  const backend = plainBackend();
  return {
    backend,
    parameter: plainParameter,
    liveTensors: () => backend.memory().tensors,
  };
}

/** Runs scripts, and gives how many of them had a fault. */
async function runScripts<T>(
  create: () => Promise<BackendHarness<T>> | BackendHarness<T>,
  count: number,
): Promise<number> {
  // Where onWarning fails too.
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  let faults = 0;
  for (let n = 0; n < count; n += 1) {
    const { fault } = await runScript(create, SEED + n);
    if (fault !== undefined) faults += 1;
  }
  warn.mockRestore();
  return faults;
}

it('changes nothing in 2,000 scripts on cpu', async () => {
  expect(await runScripts(cpuHarness, 2000)).toBeGreaterThan(1800);
});

it('changes nothing in 500 scripts on a backend with half precision', async () => {
  expect(await runScripts(plainHarness, 500)).toBeGreaterThan(450);
});

it('changes nothing in 200 scripts on onnx', async () => {
  expect(await runScripts(onnxHarness, 200)).toBeGreaterThan(150);
});

it('changes nothing in 200 scripts on tfjs', async () => {
  expect(await runScripts(async () => tfjsHarness('cpu'), 200)).toBeGreaterThan(150);
});
