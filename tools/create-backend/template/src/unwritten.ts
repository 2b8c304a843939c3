// What an unfinished backend throws. Delete this file when nothing uses it any more.
const GUIDE = 'docs/guides/write-a-backend.md';

/**
 * Throws what there is to do.
 *
 * @param method - what is not written yet
 * @param task - what it must do, as in the guide
 */
export function unwritten(method: string, task: string): never {
  throw new Error(`${method} is not written yet. ${task} See ${GUIDE}#${method.toLowerCase()}.`);
}
