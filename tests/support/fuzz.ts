// How long a fuzzer runs: a fixed number of inputs from a fixed seed among the tests, and new seeds
// for POLYAK_FUZZ_SECONDS where that is set.

const seconds = Number(process.env['POLYAK_FUZZ_SECONDS'] ?? 0);

/** Parameters of `fc.assert`. */
export interface FuzzRun {
  readonly numRuns: number;
  readonly seed?: number;
  readonly interruptAfterTimeLimit?: number;
}

/** Parameters of `fc.assert` for `numRuns` inputs among the tests. */
export function fuzzRun(numRuns: number): FuzzRun {
  return seconds > 0
    ? { numRuns: 2 ** 31 - 1, interruptAfterTimeLimit: seconds * 1000 }
    : { numRuns, seed: 1 };
}

/** The time limit of a test that fuzzes, in ms. */
export const FUZZ_TIMEOUT: number = (seconds + 120) * 1000;
