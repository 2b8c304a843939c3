// Errors of the file system under a store.

const FULL: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', "the user's quota of the disk is used up"],
]);

/** The `code` of an error of the file system. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Whether an error says that a disk is full. */
export function isFull(error: unknown): boolean {
  return FULL.has(codeOf(error) ?? '');
}

/** An error of a write to a store, explained where its disk is full. Its `code` stays. */
export function writeError(error: unknown, store: string): unknown {
  const code = codeOf(error) ?? '';
  const reason = FULL.get(code);
  if (reason === undefined) return error;
  const message = `${store}: ${reason} (${code}). Free space there, and try again.`;
  return Object.assign(new Error(message, { cause: error }), { code });
}
