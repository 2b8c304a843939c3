// The published suite as tests of vitest.
import type { ConformanceTest } from '@polyak/core/conformance';
import { it } from 'vitest';

/** Declares a test for each; what is skipped is printed with its reason. */
export function declareConformance(tests: readonly ConformanceTest[]): void {
  for (const { name, run } of tests) {
    it(name, async ({ skip }) => {
      const outcome = await run();
      if (outcome.kind === 'passed') return;
      console.info(`Skipped: "${name}": ${outcome.reason}.`);
      skip(outcome.reason);
    });
  }
}
