// Files of JSON lines.
import { readFile } from 'node:fs/promises';

import { writeWhole } from './write-whole.js';

/** The lines of a file that `writeLines` wrote; none where there is no file. */
export async function readLines<Line>(path: string): Promise<readonly Line[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
}

/** The text of a file: a JSON object a line. */
export function formatLines(lines: readonly object[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Replaces the file. */
export async function writeLines(path: string, lines: readonly object[]): Promise<void> {
  await writeWhole(path, formatLines(lines));
}
