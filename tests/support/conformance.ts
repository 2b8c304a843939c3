// The published suite as tests of vitest, and what its harnesses share.
import type { ConformanceOutcome, ConformanceTest } from '@polyak/core/conformance';
import type { HostTensor } from '@polyak/core/interfaces';
import { arrayOf } from '@polyak/core/interfaces';
import { expect, it } from 'vitest';

/** What a backend may lack, as the suite's reasons say it. */
export const NO_HALF = 'has neither float16 nor bfloat16';
export const NO_INTEGERS = 'has no integer dtype';
export const NO_RESIDUALS = 'has no compensated accumulator';
export const NO_VIEWS = 'has no views';
export const ONE_PARAMETER = 'makes one parameter of each place';
export const ASYNCHRONOUS = 'is not synchronous';

/** For tests in which software stands in for a GPU, and a tensor of 2^24 elements takes seconds. */
export const ON_SOFTWARE = { maxElements: 1_100_000 };

/** Copies of tensors of one dtype, side by side in one memory. */
export function sideBySide(tensors: readonly HostTensor[]): readonly HostTensor[] {
  // An element comes first, so that no tensor begins where the memory does.
  const length = tensors.reduce((sum, { data }) => sum + data.length, 1);
  const memory = new (arrayOf(tensors[0]?.dtype ?? 'float32'))(length);
  let begin = 1;
  return tensors.map(({ dtype, shape, data }) => {
    const view = memory.subarray(begin, begin + data.length);
    begin += data.length;
    view.set(data as never);
    return { dtype, shape, data: view };
  });
}

/**
 * Declares a test for each. A test that the suite skips passes where its reason is one of `lacks`,
 * and is printed.
 */
export function declareConformance(
  tests: readonly ConformanceTest[],
  lacks: readonly string[] = [],
): void {
  it.each(tests)('$name', async ({ name, run }) => expectOutcome(name, await run(), lacks));
}

/** Prints that the suite skipped a test. Fails where its reason is none of `lacks`. */
export function expectOutcome(
  name: string,
  outcome: ConformanceOutcome,
  lacks: readonly string[],
): void {
  if (outcome.kind === 'passed') return;
  console.info(`Skipped by the suite: "${name}": ${outcome.reason}.`);
  expect(lacks.filter((lack) => outcome.reason.includes(lack))).not.toEqual([]);
}
