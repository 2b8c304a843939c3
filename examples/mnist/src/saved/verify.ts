// Checks, in a new process, that what the demo saved gives the same accuracy to the digit.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { formatAccuracy } from '../report/verdict.js';
import type { RunResult } from '../run.js';
import type { ReloadAnswer, ReloadRequest } from './reload.js';

/**
 * Loads the saved model and the SWA state in a new process and compares their accuracies with the
 * result's.
 *
 * @returns a sentence for people
 * @throws Error where an accuracy differs
 */
export async function verifySaved({ options, final }: RunResult): Promise<string> {
  const { output, backend, seed, trainImages } = options;
  const request: ReloadRequest = { output, backend, seed, trainImages };
  const script = fileURLToPath(new URL('reload.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    script,
    JSON.stringify(request),
  ]);
  // tfjs greets on standard output; the answer is what comes last.
  const answer = JSON.parse(stdout.slice(stdout.lastIndexOf('{'))) as ReloadAnswer;
  const expected = final.swaUpdatedStatistics.accuracy;
  for (const [what, accuracy] of Object.entries(answer)) {
    if (accuracy !== expected) {
      throw new Error(
        `The saved ${what} has a test accuracy of ${accuracy}, expected ${expected}.`,
      );
    }
  }
  return (
    'Loaded the averaged model and the SWA state in a new process: ' +
    `${formatAccuracy(answer.model)} % and ${formatAccuracy(answer.state)} %, the same to the ` +
    'digit.'
  );
}
