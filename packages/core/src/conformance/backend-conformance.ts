// The conformance suite: what every backend must do, as data that any test runner can loop over.
import type { Awaitable } from '../awaitable.js';
import { averagingTests } from './averaging-tests.js';
import { compensatedTests } from './compensated-tests.js';
import { halfTests } from './half-tests.js';
import type { BackendHarness } from './harness.js';
import { tensorTests } from './tensor-tests.js';

/** One thing a backend must do. */
export interface ConformanceTest {
  /** What it must do, as a sentence. */
  readonly name: string;
  /** Rejects where the backend does not. */
  readonly run: () => Promise<void>;
}

/**
 * Everything a backend must do to be used by `SWA`, one test each.
 *
 * @param create - makes a fresh harness for each test
 * @returns the tests, for the loop of any test runner
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { backendConformance } from '@polyak/core/conformance';
 *
 * const tests = backendConformance(() => {
 *   const backend = cpuBackend();
 *   return {
 *     backend,
 *     parameter: (name, tensor) => parameter(name, { ...tensor, data: tensor.data.slice() }),
 *     liveTensors: () => backend.memory().tensors,
 *   };
 * });
 * for (const { name, run } of tests) await run(); // or: it(name, run)
 * ```
 */
export function backendConformance<T>(
  create: () => Awaitable<BackendHarness<T>>,
): readonly ConformanceTest[] {
  return [...tensorTests, ...averagingTests, ...compensatedTests, ...halfTests].map(
    ({ name, run }) => ({
      name,
      async run() {
        const harness = await create();
        try {
          await run(harness);
        } finally {
          await harness.close?.();
        }
      },
    }),
  );
}
