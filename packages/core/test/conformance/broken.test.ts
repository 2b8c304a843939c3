// What the conformance suite is worth: backends that are broken on purpose fail the test that they
// name, and one that is right passes all.
import { backendConformance } from '@polyak/core/conformance';
import { describe, expect, it } from 'vitest';
import { declareConformance } from '../../../../tests/support/conformance.js';
import { brokenAverages } from './broken-averages.js';
import { brokenOverflow } from './broken-overflow.js';
import { brokenRefusals } from './broken-refusals.js';
import { brokenSwaps } from './broken-swaps.js';
import { brokenTensors } from './broken-tensors.js';
import { harnessOf } from './broken.js';

const BROKEN = [
  ...brokenTensors,
  ...brokenAverages,
  ...brokenOverflow,
  ...brokenRefusals,
  ...brokenSwaps,
];

describe('a backend that is right', () => {
  declareConformance(backendConformance(harnessOf({})));
});

describe.each(BROKEN)('a backend that $what', ({ test, ...broken }) => {
  it(`fails the test "${test}"`, async () => {
    const named = backendConformance(harnessOf(broken)).filter(({ name }) => name === test);
    expect(named).toHaveLength(1);
    const failure: unknown = await named[0]?.run().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    // That would be a mistake of the broken backend's.
    expect(failure).not.toBeInstanceOf(TypeError);
  });
});

it('has a broken backend for each test of the suite', () => {
  const named = new Set(BROKEN.map(({ test }) => test));
  const suite = backendConformance(harnessOf({})).map(({ name }) => name);
  expect(suite.filter((name) => !named.has(name))).toEqual([]);
});

it('says why a test was skipped', async () => {
  const tests = backendConformance(harnessOf({ backend: () => ({ dtypes: ['float32'] }) }));
  const outcomes = await Promise.all(tests.map(async ({ run }) => run()));
  expect(outcomes.filter(({ kind }) => kind === 'skipped')).toEqual(
    Array.from({ length: 8 }, () => ({
      kind: 'skipped',
      reason: 'plain has neither float16 nor bfloat16',
    })),
  );
});
