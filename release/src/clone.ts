// A clone of the last commit, at the versions that would be published.
import { join } from 'node:path';
import { run } from './run.js';

/**
 * Clones the last commit of a repository, installs it, and lets changesets set the versions.
 *
 * @param root - the repository; only read
 * @param folder - an empty one
 * @returns the folder of the clone
 */
export async function cloneAtNextVersion(root: string, folder: string): Promise<string> {
  const clone = join(folder, 'polyak');
  const commit = (await run(['git', 'rev-parse', 'HEAD'], root)).trim();
  // With its history: changesets names the commit of each change.
  await run(['git', 'clone', '--quiet', '--shared', '--no-checkout', root, clone], root);
  await run(['git', 'checkout', '--quiet', '--detach', commit], clone);
  await run(['pnpm', 'install', '--frozen-lockfile', '--prefer-offline'], clone);
  await run(['pnpm', 'changeset', 'version'], clone);
  return clone;
}

/** Whether `root` has changes that a clone lacks. */
export async function hasChanges(root: string): Promise<boolean> {
  return (await run(['git', 'status', '--porcelain'], root)) !== '';
}
