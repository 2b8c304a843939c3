// Where the files of an output lie: in their place, staged, and the journal and lock beside them.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { PolyakError } from '@polyak/core';
import { deniedError } from './disk-error.js';
import { codeOf, linkTarget, statOf } from './disk.js';

/** The places of one file. */
export interface Target {
  /** Its name, relative to the folder of the output. */
  readonly name: string;
  /** Where it is published, free of links. */
  readonly path: string;
  /** Where it is staged. */
  readonly staged: string;
}

// A file and the index of a model in several files, which readers open instead.
const MAIN = /\.safetensors(\.index\.json)?$/;

/** The places of an output that are known by its path alone. */
export interface OutputPlace {
  /** As it was given, for messages. */
  readonly output: string;
  /** The folder of the output. */
  readonly folder: string;
  /** Where it is published, free of links. */
  readonly target: string;
  readonly journal: string;
  readonly lock: string;
}

/**
 * Where the journal and the lock of an output lie. Outputs that links make one have one lock, and
 * so have a file and the index of its name.
 */
export async function placeOf(output: string): Promise<OutputPlace> {
  if (output === '' || output.endsWith('/') || output.endsWith(sep)) {
    throw new RangeError(`"${output}" is not the name of a file. Name a file as the output.`);
  }
  const path = await linkTarget(output);
  const folder = dirname(path);
  if (!((await statOf(folder))?.isDirectory() ?? false)) {
    const message = `${output}: there is no folder ${folder}. Make it first.`;
    throw Object.assign(new Error(message), { code: 'ENOENT' });
  }
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw deniedError(cause, output, folder);
  });
  const stem = stemOf(basename(path));
  const beside = (suffix: string): string => join(folder, `.${stem}.polyak-${suffix}`);
  return {
    output,
    folder: dirname(resolve(output)),
    target: path,
    journal: beside('journal'),
    lock: beside('lock'),
  };
}

/**
 * Where a file of an output lies.
 *
 * @throws RangeError if the name leads out of the folder
 */
export async function targetOf(folder: string, name: string): Promise<Target> {
  if (!isInside(name)) {
    throw new RangeError(`"${name}" is not the name of a file in the folder of the output`);
  }
  const path = await linkTarget(join(folder, name));
  return { name, path, staged: join(dirname(path), `.${basename(path)}.polyak-partial`) };
}

/** Whether readers of an output open this file: that of its path, or the index of its name. */
export function isMain({ output }: OutputPlace, name: string | undefined): boolean {
  return name !== undefined && stemOf(name) === stemOf(basename(output));
}

function stemOf(name: string): string {
  return name.replace(MAIN, '');
}

/** Whether a name is a relative path that does not leave its folder. */
export function isInside(name: string): boolean {
  if (name.includes('\0') || (process.platform === 'win32' && /[\\:]/.test(name))) return false;
  return name.split('/').every((part) => !/^\.{0,2}$/.test(part));
}

/**
 * @throws PolyakError `ERR_EXISTS` if a file is in the way and is not to be replaced, or if it is
 * not a file
 */
export async function requireFree(path: string, force: boolean): Promise<void> {
  const old = await statOf(path).catch((error: unknown) => {
    // A folder of the path is a file, which is found out where it is made.
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (old === undefined) return;
  if (!old.isFile()) {
    throw new PolyakError('ERR_EXISTS', `${path} is not a file. Name a file as the output.`);
  }
  if (!force) {
    throw new PolyakError(
      'ERR_EXISTS',
      `${path} exists. Name another output, or pass \`force\` to replace it.`,
    );
  }
}
