// The conformance suite: what every backend must do, as data that any test runner can loop over.
import { requireOptions } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import { averagingTests } from './tests/averaging-tests.js';
import { compensatedTests } from './tests/compensated-tests.js';
import { declarationTests } from './tests/declaration-tests.js';
import { finiteTests } from './tests/finite-tests.js';
import { halfTests } from './tests/half-tests.js';
import { largeTests } from './tests/large-tests.js';
import { listTests } from './tests/list-tests.js';
import type { BackendHarness, ConformanceOptions } from './harness.js';
import { overflowTests } from './tests/overflow-tests.js';
import { overlapTests } from './tests/overlap-tests.js';
import { parameterTests } from './tests/parameter-tests.js';
import { refusalTests } from './tests/refusal-tests.js';
import { repetitionTests } from './tests/repetition-tests.js';
import { swapTests } from './tests/swap-tests.js';
import { tensorTests } from './tests/tensor-tests.js';

/** What became of a test. */
export type ConformanceOutcome =
  | {
      /** The backend does what it must. */
      readonly kind: 'passed';
    }
  | {
      /** Nothing was tried. */
      readonly kind: 'skipped';
      /** What the backend does not declare, so that there was nothing to try. */
      readonly reason: string;
    };

/** One thing a backend must do. */
export interface ConformanceTest {
  /** What it must do, as a sentence. */
  readonly name: string;
  /** Rejects where the backend does not. */
  readonly run: () => Promise<ConformanceOutcome>;
}

const TESTS = [
  ...declarationTests,
  ...tensorTests,
  ...listTests,
  ...finiteTests,
  ...averagingTests,
  ...overflowTests,
  ...repetitionTests,
  ...refusalTests,
  ...overlapTests,
  ...compensatedTests,
  ...swapTests,
  ...parameterTests,
  ...halfTests,
  ...largeTests,
];

/**
 * Everything a backend must do to be used by `AveragedModel` and `SWA`, one test each.
 *
 * @param create - makes a fresh harness for each test
 * @param options - how large tensors may be
 * @returns the tests, for the loop of any test runner
 * @throws TypeError where the options are no object, or one of them is not known
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
 * for (const { name, run } of tests) {
 *   const outcome = await run(); // or: it(name, run)
 *   if (outcome.kind === 'skipped') console.warn(`${name}: skipped, ${outcome.reason}`);
 * }
 * ```
 */
export function backendConformance<T>(
  create: () => Awaitable<BackendHarness<T>>,
  options: ConformanceOptions = {},
): readonly ConformanceTest[] {
  const given = requireOptions('backendConformance', options, ['maxElements']);
  const { maxElements = 4099 ** 2 } = given;
  return TESTS.map(({ name, skip, run }) => ({
    name,
    async run(): Promise<ConformanceOutcome> {
      const harness = await create();
      try {
        const reason = skip?.(harness);
        if (reason !== undefined) return { kind: 'skipped', reason };
        await run(harness, { maxElements });
        return { kind: 'passed' };
      } finally {
        await harness.close?.();
      }
    },
  }));
}
