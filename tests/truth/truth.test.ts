// Scripts at random on every backend, compared with plain numbers in float64 after each call.
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it, vi } from 'vitest';
import { onEveryBackend } from '../features/on-every-backend.js';
import { halfBackend } from '../support/half-backend.js';
import { plainParameter } from '../support/plain-backend.js';
import { tfjsHarness } from '../support/tfjs/harness.js';
import { SCRIPTS_TIMEOUT, scriptRun } from '../fuzz/fuzz-run.js';
import { checkScripts } from './check.js';
import type { Checked } from './check.js';
import found from './found-scripts.json' with { type: 'json' };
import { runScript } from './run.js';
import type { Script } from './script.js';

vi.setConfig({ testTimeout: SCRIPTS_TIMEOUT });

// For the CPU backend, with its two kernels together; for each other.
const [ON_CPU, ON_OTHERS] = [10_000, 1000];

// Outcomes that every run reaches, so that scripts do try what they are for.
const OUTCOMES: readonly string[] = [
  ...(
    'step update updateSwaGroup swap withAveraged withStateDict withWeights withCopy write read ' +
    'copy recall bnUpdate resetLr stateDict loadStateDict resume dispose addParamGroup'
  )
    .split(' ')
    .map((kind) => `${kind}: done`),
  'step: ERR_SWAPPED',
  'step: thrown',
  'update: ERR_BUSY',
  'update: ERR_NON_FINITE',
  'misshape: ERR_PARAMETERS',
  'swap: ERR_DISPOSED',
  'swap: ERR_NO_AVERAGES',
  'swap: RangeError',
];
const HITS: readonly string[] = (
  'upload download clone allFinite average swap dispose set read write batchMoments ' +
  'optimizer.step onUpdate onWarning fn'
).split(' ');

async function run<T>(harness: BackendHarness<T>, haveFaults: boolean): Promise<Checked> {
  const { name } = harness.backend;
  const { numRuns, seed } = scriptRun(name.startsWith('cpu:') ? ON_CPU / 2 : ON_OTHERS);
  const checked = await checkScripts(harness, { haveFaults, numRuns, seed, say: console.info });
  const failures = [...checked.hits.values()].reduce((sum, count) => sum + count, 0);
  console.info(
    `${name}: ${checked.scripts} scripts, ${failures} calls failed, ` +
      `the largest error ${checked.error.toExponential(1)} of the weights.`,
  );
  return checked;
}

async function expectTruth<T>(harness: BackendHarness<T>): Promise<void> {
  const { outcomes } = await run(harness, false);
  expect([...outcomes.keys()]).toEqual(expect.arrayContaining([...OUTCOMES]));
}

async function expectNoChange<T>(harness: BackendHarness<T>): Promise<void> {
  const { hits } = await run(harness, true);
  expect([...hits.keys()]).toEqual(expect.arrayContaining([...HITS]));
}

onEveryBackend({
  'holds what the reference says': expectTruth,
  'holds it also where one call fails, or two in a row': expectNoChange,
});

function halfHarness(): BackendHarness<HostTensor> {
  const backend = halfBackend();
  const liveTensors = (): number => backend.memory().tensors;
  return { backend, parameter: plainParameter, liveTensors };
}

describe('with half precision', () => {
  it('holds what the reference says', async () => expectTruth(halfHarness()));

  it('holds it also where calls fail', async () => expectNoChange(halfHarness()));
});

// Scripts with faults that failed once, on tfjs.
it.each(Object.entries(found))('holds it in what was found: %s', async (_, script) => {
  const { hits } = await runScript(await tfjsHarness('cpu'), script as Script);
  expect(hits).not.toEqual([]);
});
