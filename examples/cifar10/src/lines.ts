// Files of JSON lines.
import { readFile } from 'node:fs/promises';

import { writeWhole } from '@polyak/example-shared/write-whole';

/** The lines of a file, which is one that `writeLines` wrote; none where there is no file. */
export async function readLines<Line>(path: string): Promise<readonly Line[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Replaces the file. */
export async function writeLines(path: string, lines: readonly object[]): Promise<void> {
  await writeWhole(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
