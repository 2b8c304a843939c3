// The published suite as tests of vitest.
import type { ConformanceOutcome, ConformanceTest } from '@polyak/core/conformance';
import { expect, it } from 'vitest';

/** What a backend may lack, as the suite's reasons say it. */
export const NO_HALF = 'has neither float16 nor bfloat16';
export const ONE_PARAMETER = 'makes one parameter of each place';
export const ASYNCHRONOUS = 'is not synchronous';

/**
 * Declares a test for each. A test that the suite skips passes where its reason is one of `lacks`,
 * and is printed.
 */
export function declareConformance(
  tests: readonly ConformanceTest[],
  lacks: readonly string[] = [],
): void {
  it.each(tests)('$name', async ({ name, run }) => requireOutcome(name, await run(), lacks));
}

/** Fails where the suite skipped for another reason than one of `lacks`. */
function requireOutcome(name: string, outcome: ConformanceOutcome, lacks: readonly string[]): void {
  if (outcome.kind === 'passed') return;
  console.info(`Skipped by the suite: "${name}": ${outcome.reason}.`);
  expect(lacks.filter((lack) => outcome.reason.includes(lack))).not.toEqual([]);
}
