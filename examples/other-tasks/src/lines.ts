// Files of JSON lines.
import { readFile } from 'node:fs/promises';

import { writeWhole } from '@polyak/example-shared/write-whole';

/** The lines of the file at `path`; none where there is no file. */
export async function readLines<Line>(path: string): Promise<readonly Line[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
}

/** Replaces the file at `path`. */
export async function writeLines(path: string, lines: readonly object[]): Promise<void> {
  await writeWhole(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
