// The checkpoints that the arguments name: paths, patterns, or a range in a folder.
import { existsSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import process from 'node:process';
import { globSync, isDynamicPattern } from 'tinyglobby';
import { UsageError } from '../exit-codes.js';
import { numberedCheckpoints } from './numbered.js';
import type { RangeOptions } from './options.js';
import { byNumber } from './order.js';

/**
 * The paths that the arguments stand for, in their order. Shells expand patterns themselves; those
 * that arrive, quoted or on Windows, are expanded here, in numeric order.
 *
 * @param args - paths and patterns, or one folder with `--from` or `--to`
 * @throws UsageError where a pattern matches nothing, or the range is not of one folder
 */
export async function inputsOf(
  args: readonly string[],
  { from, to }: RangeOptions = {},
): Promise<readonly string[]> {
  if (from === undefined && to === undefined) return args.flatMap(expanded);
  const [folder] = args;
  if (folder === undefined || args.length > 1 || !isFolder(folder)) {
    throw new UsageError(
      `--from and --to select from one folder of numbered checkpoints, found ${args.join(' ')}.`,
    );
  }
  const found = await numberedCheckpoints(folder, { from: from ?? 0, to: to ?? Infinity });
  return found.map(({ name }) => name);
}

function expanded(arg: string): readonly string[] {
  if (existsSync(arg) || !isDynamicPattern(arg)) return [arg];
  const found = globSync(process.platform === 'win32' ? arg.replaceAll('\\', '/') : arg, {
    expandDirectories: false,
    onlyFiles: false,
    absolute: isAbsolute(arg),
  });
  if (found.length === 0) throw new UsageError(`no file matches ${arg}.`);
  found.sort(byNumber);
  return found;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
