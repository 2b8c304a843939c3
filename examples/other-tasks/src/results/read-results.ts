// Reads the files that the trainings wrote.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { readLines } from '@polyak/example-shared/json-lines';
import { TASKS } from '../tasks/tasks.js';
import type { EpochLine, Split } from '../train.js';

/** The lines of all seeds. */
export async function readResults(
  folder: string,
  split: Split,
  tasks: readonly string[] = TASKS.map(({ name }) => name),
): Promise<readonly EpochLine[]> {
  const lines: EpochLine[] = [];
  for (const task of tasks) {
    const files = (await readdir(join(folder, task, split))).toSorted();
    for (const file of files)
      lines.push(...(await readLines<EpochLine>(join(folder, task, split, file))));
  }
  return lines;
}
