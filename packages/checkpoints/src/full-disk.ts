// What the system calls a full disk.

/** A full disk, by the code of the error. */
export const FULL: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', "the user's quota of the disk is used up"],
  ['EFBIG', 'the file is larger than the file system or `ulimit -f` allows'],
]);
