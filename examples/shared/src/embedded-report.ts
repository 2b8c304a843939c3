// What the examples of embedding print: accuracies, and whether a resumed run has the same bits.
import type { Embedded } from './embedded-run.js';
import { interruptedRun, wholeRun } from './embedded-run.js';

const STEPS = 1000;

/** Trains a network, and then another one with an interruption. */
export async function printReport<T>(makeNetwork: () => Embedded<T>): Promise<void> {
  const run = await wholeRun(makeNetwork, STEPS);
  console.log('weights       test accuracy');
  for (const [weights, accuracy] of await run.accuracies()) {
    console.log(`${weights.padEnd(14)}${(100 * accuracy).toFixed(1).padStart(11)} %`);
  }
  const stop = (3 / 4) * STEPS;
  const resumed = await interruptedRun(makeNetwork, stop, STEPS);
  const isSame = Buffer.compare(await run.save(), await resumed.save()) === 0;
  const found = isSame ? 'the same bits' : 'other bits';
  console.log(`Saved after ${stop} of ${STEPS} steps and resumed in another network: ${found}.`);
  if (!isSame) process.exitCode = 1;
}
