// Errors of a disk or a browser's storage, explained.
import { PolyakError } from '@polyak/core';
import { FULL } from '../full-disk.js';

const FREE = 'Free space, or save into a folder on another disk.';
const RIGHTS = 'Give this process the permission, or name another folder.';
const MAKE = 'Make it first, or name another one.';

/** What happened and what to do, by the code of Node's errors or the name of a browser's. */
const REASONS = new Map<string, readonly [reason: string, remedy: string]>([
  ...[...FULL].map(([code, reason]) => [code, [reason, FREE]] as const),
  ['QuotaExceededError', ["the origin's quota of storage is used up", 'Remove some of its files.']],
  ['EACCES', ['this process may not do that here', RIGHTS]],
  ['EPERM', ['this process may not do that here', RIGHTS]],
  ['EROFS', ['the file system is read-only', 'Name a folder on another one.']],
  ['NotAllowedError', ['the user has not allowed it', 'Ask for permission first.']],
  ['ENOENT', ['there is no such folder', MAKE]],
  ['NotFoundError', ['there is no such folder', MAKE]],
  ['ENOTDIR', ['it is not a folder', MAKE]],
]);

const NO_CHECKPOINT = ['there is no such checkpoint', 'Take one that list() returns.'] as const;
const LOAD_REASONS = new Map([
  ...REASONS,
  ['ENOENT', NO_CHECKPOINT],
  ['NotFoundError', NO_CHECKPOINT],
]);

/**
 * An error of a folder as a PolyakError, whose `cause` has the code of the system.
 *
 * @param call - the method that was called
 * @param where - the folder, or the file
 * @param then - what is true of the files nevertheless, as a sentence
 */
export function folderError(
  call: string,
  where: string,
  error: unknown,
  then?: string,
): PolyakError {
  const { code, name, message } = error as Partial<NodeJS.ErrnoException>;
  const key = typeof code === 'string' ? code : (name ?? '');
  const reasons = call === 'load' ? LOAD_REASONS : REASONS;
  const [reason, remedy] = reasons.get(key) ?? [message ?? String(error)];
  const known = remedy === undefined ? '.' : ` (${key}).`;
  const text = [`${call}: ${where}: ${reason}${known}`, then, remedy];
  return new PolyakError('ERR_CHECKPOINT', text.filter(Boolean).join(' '), { cause: error });
}
