// How long a fuzzer runs: a fixed number of inputs from a fixed seed among the tests; as long as
// POLYAK_FUZZ_SECONDS says, from the seed POLYAK_FUZZ_SEED, for the command `fuzz`, which reads
// what ran from the file POLYAK_FUZZ_REPORT.
import { appendFileSync } from 'node:fs';
import * as fc from 'fast-check';

const seconds = Number(process.env['POLYAK_FUZZ_SECONDS'] ?? 0);
const seed = Number(process.env['POLYAK_FUZZ_SEED'] ?? 1);
const report = process.env['POLYAK_FUZZ_REPORT'];

/** The time limit of a test that fuzzes, in ms. */
export const FUZZ_TIMEOUT: number = (seconds + 120) * 1000;

/**
 * Runs a property.
 *
 * @param kind - of the inputs, in a few words
 * @param property - what holds for each input
 * @param numRuns - the number of inputs among the tests
 * @param measured - gives numbers for the report, after the run
 */
export async function fuzz<T>(
  kind: string,
  property: fc.IAsyncProperty<T> | fc.IProperty<T>,
  numRuns: number,
  measured: () => object = () => ({}),
): Promise<void> {
  const parameters =
    seconds > 0
      ? { numRuns: 2 ** 31 - 1, seed, interruptAfterTimeLimit: seconds * 1000 }
      : { numRuns, seed };
  const details = await fc.check(property as fc.IAsyncProperty<T>, parameters);
  const line = { kind, inputs: details.numRuns, ...measured() };
  if (report !== undefined) appendFileSync(report, `${JSON.stringify(line)}\n`);
  if (!details.failed) return;
  throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
}

/**
 * Parameters of `fc.assert` for scripts, which are counted: `numRuns` for the command `fuzz`, a
 * fiftieth of them among the tests.
 */
export function scriptRun(numRuns: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: seconds > 0 ? numRuns : numRuns / 50, seed };
}

/** The time limit of a test of scripts, in ms. */
export const SCRIPTS_TIMEOUT: number = seconds > 0 ? 3_600_000 : 300_000;
