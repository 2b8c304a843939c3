// The path of an output.
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { parsePath } from './parse.js';

/** The path of a file to write. */
export function parseOutput(text: string): string {
  if (text !== '-') return parsePath(text);
  throw new InvalidArgumentError(
    'The output cannot go to standard output: it is not written from its beginning to its end. ' +
      'Name a file; one of this name is ./-',
  );
}

/** @throws Error with the code `ENOENT` where the folder of an output is missing */
export function requireFolder(output: string): void {
  const folder = dirname(resolve(output));
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const message = `${output}: there is no folder ${folder}. Make it first.`;
  throw Object.assign(new Error(message), { code: 'ENOENT' });
}
