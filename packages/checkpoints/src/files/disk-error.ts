// Errors of a full disk, with what was needed and what became of the files.
import { codeOf } from './disk.js';
import { FULL } from '../full-disk.js';

/**
 * An error of a write, explained where the disk is full. Its `code` stays.
 *
 * @param error - any
 * @param path - of the output
 * @param needed - the bytes of the output, if that is known
 */
export function diskError(error: unknown, path: string, needed?: number): unknown {
  const code = codeOf(error);
  const reason = FULL.get(code ?? '');
  if (code === undefined || reason === undefined) return error;
  return fullError(code, `${path}: ${reason} (${code})`, needed, error);
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
