// Runs many scripts on one backend: for the tests, and for long runs outside of them.
import * as fc from 'fast-check';
import type { BackendHarness } from '@polyak/core/conformance';
import { runScript } from './run.js';
import { anyScript, anyScriptWithFaults } from './script.js';

/** Which scripts to run. */
export interface Scripts {
  /** Whether calls fail in them. */
  readonly haveFaults: boolean;
  readonly numRuns: number;
  readonly seed: number;
  /** Receives a line every few seconds. */
  readonly say: (line: string) => void;
}

/** What scripts have tried, none of which was a violation. */
export interface Checked {
  readonly scripts: number;
  /** The largest error of an average, as a share of the size of the weights. */
  readonly error: number;
  /** How often each command ended how, such as `update: ERR_SWAPPED`. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** How often each call failed as planned, by name. */
  readonly hits: ReadonlyMap<string, number>;
}

/** @throws Error with the shortest script found that shows a violation */
export async function checkScripts<T>(
  harness: BackendHarness<T>,
  { haveFaults, numRuns, seed, say }: Scripts,
): Promise<Checked> {
  const { name } = harness.backend;
  let [scripts, error, said, warned] = [0, 0, Date.now(), 0];
  const [outcomes, hits] = [new Map<string, number>(), new Map<string, number>()];
  const property = fc.asyncProperty(haveFaults ? anyScriptWithFaults : anyScript, async (one) => {
    const tried = await runScript(harness, one);
    scripts += 1;
    error = Math.max(error, tried.error);
    for (const outcome of tried.outcomes) count(outcomes, outcome);
    for (const hit of tried.hits) count(hits, hit);
    if (Date.now() < said + 5000) return;
    said = Date.now();
    say(`${name}: ${scripts} of ${numRuns} scripts`);
  });
  const { warn } = console;
  // Receives what `onWarning` fails on.
  console.warn = () => (warned += 1);
  const details = await fc.check(property, { numRuns, seed }).finally(() => (console.warn = warn));
  const { failed, counterexamplePath, errorInstance } = details;
  if (failed) {
    const where = `seed ${seed}, path ${counterexamplePath}`;
    throw new Error(`${name}: ${where}: ${String(errorInstance)}`, { cause: errorInstance });
  }
  const untold = (hits.get('onWarning') ?? 0) - warned;
  if (untold > 0) throw new Error(`${name}: ${untold} warnings were not told to anybody.`);
  return { scripts, error, outcomes, hits };
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, 1 + (counts.get(what) ?? 0));
}
