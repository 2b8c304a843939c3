// How long a fuzzer runs. Among the tests: a fixed number of inputs, from a fixed seed. For the
// command `fuzz`: POLYAK_FUZZ_TIMES as many, from the seed POLYAK_FUZZ_SEED. The command reads what
// ran from the file POLYAK_FUZZ_REPORT.
import { appendFileSync } from 'node:fs';
import * as fc from 'fast-check';

const times = Number(process.env['POLYAK_FUZZ_TIMES'] ?? 1);
const seed = Number(process.env['POLYAK_FUZZ_SEED'] ?? 1);
const report = process.env['POLYAK_FUZZ_REPORT'];

/** The time limit of a test that fuzzes, in ms. */
export const FUZZ_TIMEOUT: number = 120_000 * times;

/**
 * Runs a property.
 *
 * @param kind - of the inputs, in a few words
 * @param property - what holds for each input
 * @param count - the number of inputs among the tests
 * @param measured - gives numbers for the report, after the run
 */
export async function fuzz<T>(
  kind: string,
  property: fc.IAsyncProperty<T> | fc.IProperty<T>,
  count: number,
  measured: () => object = () => ({}),
): Promise<void> {
  const begun = performance.now();
  const parameters = { numRuns: Math.ceil(count * times), seed };
  const details = await fc.check(property as fc.IAsyncProperty<T>, parameters);
  const seconds = (performance.now() - begun) / 1000;
  const line = { kind, inputs: details.numRuns, seconds, ...measured() };
  if (report !== undefined) appendFileSync(report, `${JSON.stringify(line)}\n`);
  if (!details.failed) return;
  throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
}

// The tests run a fiftieth of the scripts.
const SHARE = 1 / 50;

/** How many scripts run of `most`, and their seed: parameters of `fc.assert`. */
export function scriptRun(most: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: Math.ceil(most * SHARE * times), seed };
}

/** The time limit of a test of scripts, in ms. */
export const SCRIPTS_TIMEOUT: number = 300_000 * times;
