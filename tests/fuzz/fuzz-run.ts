// How long a fuzzer runs: a fixed number of inputs from a fixed seed among the tests; as long as
// POLYAK_FUZZ_SECONDS says, from the seed POLYAK_FUZZ_SEED, for the command `fuzz`.

const seconds = Number(process.env['POLYAK_FUZZ_SECONDS'] ?? 0);
const seed = Number(process.env['POLYAK_FUZZ_SEED'] ?? 1);

/** Parameters of `fc.assert`. */
export interface FuzzRun {
  readonly numRuns: number;
  readonly seed: number;
  readonly interruptAfterTimeLimit?: number;
}

/** Parameters of `fc.assert` for `numRuns` inputs among the tests. */
export function fuzzRun(numRuns: number): FuzzRun {
  return seconds > 0
    ? { numRuns: 2 ** 31 - 1, seed, interruptAfterTimeLimit: seconds * 1000 }
    : { numRuns, seed };
}

/** The time limit of a test that fuzzes, in ms. */
export const FUZZ_TIMEOUT: number = (seconds + 120) * 1000;
