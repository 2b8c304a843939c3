// A clone of the last commit, at the versions that would be published.
import { join } from 'node:path';
import { must } from '../../tools/run.js';

/**
 * Clones the last commit of a repository, installs it, and lets changesets set the versions.
 *
 * @param root - the repository; only read
 * @param folder - an empty one
 * @returns the folder of the clone
 */
export async function cloneAtNextVersion(root: string, folder: string): Promise<string> {
  const clone = join(folder, 'polyak');
  const commit = (await must(['git', 'rev-parse', 'HEAD'], { cwd: root })).trim();
  // With its history: changesets names the commit of each change.
  await must(['git', 'clone', '--quiet', '--shared', '--no-checkout', root, clone], { cwd: root });
  await must(['git', 'checkout', '--quiet', '--detach', commit], { cwd: clone });
  await must(['pnpm', 'install', '--frozen-lockfile', '--prefer-offline'], { cwd: clone });
  await must(['pnpm', 'changeset', 'version'], { cwd: clone });
  return clone;
}

/** Whether `root` has changes that a clone lacks. */
export async function hasChanges(root: string): Promise<boolean> {
  return (await must(['git', 'status', '--porcelain'], { cwd: root })) !== '';
}
