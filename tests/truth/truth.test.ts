// Scripts at random on every backend, compared with plain numbers in float64 after each call.
import * as fc from 'fast-check';
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor } from '@polyak/core/interfaces';
import { expect, it, vi } from 'vitest';
import { onEveryBackend } from '../features/on-every-backend.js';
import { halfBackend } from '../support/half-backend.js';
import { plainParameter } from '../support/plain-backend.js';
import { SCRIPTS_TIMEOUT, scriptRun } from '../fuzz/fuzz-run.js';
import { runScript } from './run.js';
import { anyScript } from './script.js';

vi.setConfig({ testTimeout: SCRIPTS_TIMEOUT });

// For the CPU backend, with its two kernels together; for each other.
const [ON_CPU, ON_OTHERS] = [10_000, 1000];

const DONE: readonly string[] = (
  'step update updateSwaGroup swap withAveraged withStateDict withWeights withCopy write read ' +
  'copy recall bnUpdate resetLr stateDict loadStateDict resume dispose addParamGroup'
)
  .split(' ')
  .map((kind) => `${kind}: done`);
const REFUSED: readonly string[] = [
  'step: ERR_SWAPPED',
  'step: thrown',
  'update: ERR_BUSY',
  'update: ERR_NON_FINITE',
  'misshape: ERR_PARAMETERS',
  'swap: ERR_DISPOSED',
  'swap: ERR_NO_AVERAGES',
  'swap: RangeError',
];

async function expectTruth<T>(harness: BackendHarness<T>): Promise<void> {
  const { name } = harness.backend;
  let [scripts, error] = [0, 0];
  const outcomes = new Set<string>();
  const property = fc.asyncProperty(anyScript, async (script) => {
    const tried = await runScript(harness, script);
    scripts += 1;
    error = Math.max(error, tried.error);
    for (const outcome of tried.outcomes) outcomes.add(outcome);
  });
  await fc.assert(property, scriptRun(name.startsWith('cpu:') ? ON_CPU / 2 : ON_OTHERS));
  console.info(`${name}: ${scripts} scripts, the largest error ${error.toExponential(1)}.`);
  expect([...outcomes]).toEqual(expect.arrayContaining([...DONE, ...REFUSED]));
}

onEveryBackend({ 'holds what the reference says': expectTruth });

function halfHarness(): BackendHarness<HostTensor> {
  const backend = halfBackend();
  const liveTensors = (): number => backend.memory().tensors;
  return { backend, parameter: plainParameter, liveTensors };
}

it('holds what the reference says with half precision', async () => expectTruth(halfHarness()));
