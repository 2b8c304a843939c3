// The lines of all seeds in the files that are committed.
import { join } from 'node:path';

import { readLines, writeLines } from '@polyak/example-shared/json-lines';
import { sortedMethods } from '@polyak/example-shared/method-lines';
import { type MethodLine, methodsFile } from './measure-seed.js';

/** Methods whose calibration is plotted. */
const PLOTTED = /^(sgd|swa-[\d.]+\/from-75|swag|swag\/diagonal|snapshots|fge-\d+)$/;

/**
 * Writes `methods.jsonl`, a line for each method and seed; bins only for methods whose calibration
 * is plotted, at the largest budget.
 *
 * @param folders - of the seeds
 * @param output - where to write
 */
export async function collect(folders: readonly string[], output: string): Promise<void> {
  const lines: MethodLine[] = [];
  for (const folder of folders) lines.push(...(await readLines<MethodLine>(methodsFile(folder))));
  const ofSgd = lines.filter(({ method }) => method === 'sgd');
  const largest = Math.max(...ofSgd.map(({ budget }) => budget));
  const isPlotted = ({ budget, method }: MethodLine): boolean =>
    budget === largest && PLOTTED.test(method);
  await writeLines(
    join(output, 'methods.jsonl'),
    sortedMethods(lines).map((line) => (isPlotted(line) ? line : { ...line, bins: undefined })),
  );
}
