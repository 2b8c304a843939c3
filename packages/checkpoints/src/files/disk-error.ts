// Errors of a disk that is full or not to be written, with what was needed and what to do.
import { dirname, resolve } from 'node:path';
import { codeOf } from './disk.js';
import { FULL } from '../full-disk.js';

const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * An error of a write, explained where the disk is full or the folder may not be written. Its
 * `code` stays.
 *
 * @param error - any
 * @param path - of the output
 * @param needed - the bytes of the output, if that is known
 */
export function diskError(error: unknown, path: string, needed?: number): unknown {
  const code = codeOf(error);
  if (code !== undefined && DENIED.has(code)) {
    return deniedError(error, path, dirname(resolve(path)));
  }
  const reason = FULL.get(code ?? '');
  if (code === undefined || reason === undefined) return error;
  return fullError(code, `${path}: ${reason} (${code})`, needed, error);
}

/** The folder of an output may not be written. Its `code` is that of `cause`. */
export function deniedError(cause: unknown, path: string, folder: string): Error {
  const code = codeOf(cause);
  const message =
    `${path}: the folder ${folder} cannot be written (${code}). Name an output in another ` +
    'folder, or allow this user to write there.';
  return Object.assign(new Error(message, { cause }), { code });
}

/** There is less space than an output needs. */
export function noSpace(folder: string, needed: number, free: number): Error {
  return fullError('ENOSPC', `${folder}: ${formatBytes(free)} are free (ENOSPC)`, needed);
}

function fullError(code: string, what: string, needed?: number, cause?: unknown): Error {
  const need = needed === undefined ? '' : ` The output needs ${formatBytes(needed)}.`;
  const remedy = 'What it replaces is unchanged. Free space, or write it to another disk.';
  const message = `${what}.${need} ${remedy}`;
  return Object.assign(new Error(message, { cause }), { code });
}

/** Bytes as people write them: `1.5 GB`. */
function formatBytes(byteLength: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(1, byteLength)) / 3)),
  );
  const digits = power === 0 ? 0 : 1;
  return `${(byteLength / 1000 ** power).toFixed(digits)} ${units[power] ?? ''}`;
}
