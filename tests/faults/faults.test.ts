// One call fails, at random, with members and samples of the same model: nothing has changed, and
// what is tried again succeeds. tests/truth does the same with averages.
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor } from '@polyak/core/interfaces';
import { expect, it, vi } from 'vitest';
import { cpuHarness } from '../support/cpu-harness.js';
import { onnxHarness } from '../support/onnx/harness.js';
import { plainBackend, plainParameter } from '../support/plain-backend.js';
import { tfjsHarness } from '../support/tfjs/harness.js';
import { runScript } from './script.js';

const SEED = 20_261_127;

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

it('changes nothing in 500 scripts on cpu', async () => {
  expect(await runScripts(() => cpuHarness('js'), 500)).toBeGreaterThan(450);
});

it('changes nothing in 200 scripts on a backend with half precision', async () => {
  expect(await runScripts(plainHarness, 200)).toBeGreaterThan(150);
});

it('changes nothing in 100 scripts on onnx', async () => {
  expect(await runScripts(onnxHarness, 100)).toBeGreaterThan(75);
});

it('changes nothing in 100 scripts on tfjs', async () => {
  expect(await runScripts(async () => tfjsHarness('cpu'), 100)).toBeGreaterThan(75);
});
