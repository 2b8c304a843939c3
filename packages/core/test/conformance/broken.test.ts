// What the conformance suite is worth: backends that are broken on purpose fail the test that they
// name, and one that is right passes all.
import { backendConformance } from '@polyak/core/conformance';
import { describe, expect, it } from 'vitest';
import { declareConformance, NO_HALF, NO_INTEGERS } from '../../../../tests/support/conformance.js';
import { brokenAverages } from './broken/averages.js';
import { brokenCompensated } from './broken/compensated.js';
import { brokenFailures } from './broken/failures.js';
import { brokenFinite } from './broken/finite.js';
import { brokenHalves } from './broken/halves.js';
import { brokenLarge } from './broken/large.js';
import { brokenLists } from './broken/lists.js';
import { brokenOverflow } from './broken/overflow.js';
import { brokenOverlaps } from './broken/overlaps.js';
import { brokenParameters } from './broken/parameters.js';
import { brokenRefusals } from './broken/refusals.js';
import { brokenRepetitions } from './broken/repetitions.js';
import { brokenSwaps } from './broken/swaps.js';
import { brokenTensors } from './broken/tensors.js';
import { harnessOf } from './broken.js';
import type { Broken } from './broken.js';

const BROKEN = [
  ...brokenTensors,
  ...brokenLists,
  ...brokenFinite,
  ...brokenAverages,
  ...brokenCompensated,
  ...brokenRepetitions,
  ...brokenLarge,
  ...brokenOverflow,
  ...brokenRefusals,
  ...brokenFailures,
  ...brokenOverlaps,
  ...brokenSwaps,
  ...brokenParameters,
  ...brokenHalves,
];

/** Large enough to find what goes wrong from 2^20 on; the plain backend is slow. */
const MAX_ELEMENTS = 1_050_000;

/** What a message is about: a method of the interface, or what a backend or a parameter says. */
const SUBJECT = new RegExp(
  '\\b(spec|upload|download|hostViews|clone|cast|allFinite|average|swap|dispose|' +
    'specVersion|name|dtypes|identity|liveTensors)\\b',
  'u',
);

/** Dtype and shape. */
const SPEC = /\b(bool|b?float\d+|u?int\d+)\[[\d,]*\]/u;

/** The tests without a tensor. */
const DECLARATIONS = new Set([
  'declares specVersion 1, a name and at least one floating dtype',
  'takes empty lists',
]);

describe('a backend that is right', () => {
  declareConformance(backendConformance(harnessOf({}), { maxElements: MAX_ELEMENTS }));
});

describe.each(BROKEN)('a backend that $what', ({ test, maxElements = MAX_ELEMENTS, ...broken }) => {
  it(`fails the test "${test}"`, async () => {
    const suite = backendConformance(harnessOf(broken), { maxElements });
    const named = suite.filter(({ name }) => name === test);
    expect(named).toHaveLength(1);
    const failure: unknown = await named[0]?.run().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    // That would be a mistake of the broken backend's.
    expect(failure).not.toBeInstanceOf(TypeError);
    const { message } = failure as Error;
    expect(message).toMatch(SUBJECT);
    expect(message).toMatch(DECLARATIONS.has(test) ? SUBJECT : SPEC);
  });
});

it('has a broken backend for each test of the suite', () => {
  const named = new Set(BROKEN.map(({ test }) => test));
  const suite = backendConformance(harnessOf({})).map(({ name }) => name);
  expect(suite.filter((name) => !named.has(name))).toEqual([]);
});

describe('a backend that is right, of float64 alone', () => {
  const backend: Broken['backend'] = () => ({ dtypes: ['float64'] });
  declareConformance(backendConformance(harnessOf({ backend }), { maxElements: 5000 }), [
    NO_HALF,
    NO_INTEGERS,
  ]);
});

it('skips what a backend does not declare, and says why', async () => {
  const { views, sameParameter, ...harness } = harnessOf({
    backend: () => ({ dtypes: ['float32'], isSynchronous: false, canCompensate: false }),
  })();
  expect([views, sameParameter]).not.toContain(undefined);
  const tests = backendConformance(() => harness, { maxElements: 5000 });
  const reasons = new Map<string, number>();
  for (const { run } of tests) {
    const outcome = await run();
    if (outcome.kind === 'passed') continue;
    reasons.set(outcome.reason, (reasons.get(outcome.reason) ?? 0) + 1);
  }
  expect(Object.fromEntries(reasons)).toEqual({
    'plain is not synchronous': 1,
    'plain has no integer dtype': 2,
    'plain has neither float16 nor bfloat16': 10,
    'plain has no compensated accumulator': 5,
    'the harness of plain makes one parameter of each place': 1,
    'the harness of plain has no views': 2,
  });
});

it('makes large tensors of maxElements elements', async () => {
  const lengths: number[] = [];
  const backend: Broken['backend'] = (plain) => ({
    upload(tensors) {
      lengths.push(...tensors.map(({ data }) => data.length));
      return plain.upload(tensors);
    },
  });
  const tests = backendConformance(harnessOf({ backend }), { maxElements: 5000 });
  for (const { name, run } of tests) if (name.includes('a large tensor')) await run();
  expect(Math.max(...lengths)).toBe(4099);
});
