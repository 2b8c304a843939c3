// The source files of this repository, as git knows them: tracked ones and new ones.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository; tools run there. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Paths from the root of all files that end in one of `extensions`. */
export function sourcesOf(...extensions) {
  const patterns = extensions.map((extension) => `*.${extension}`);
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ...patterns];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 });
  return [...new Set(files.split('\0'))].filter((file) => file !== '' && existsSync(file));
}

/** Prints the problems and lets the command fail where there are any. */
export function report(problems) {
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
