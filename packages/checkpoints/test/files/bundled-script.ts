// Scripts of the tests in processes of their own: bundled, so that they start at once.
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/**
 * Bundles a script.
 *
 * @param name - its path, or its name beside this file
 * @returns the path of the bundle
 */
export async function bundleScript(name: string, folder: string): Promise<string> {
  const file = join(folder, `${basename(name, '.ts')}.js`);
  const build = await rolldown({
    input: resolve(dirname(fileURLToPath(import.meta.url)), name),
    platform: 'node',
    resolve: { conditionNames: ['@polyak/source', 'import'] },
  });
  await build.write({ file });
  return file;
}
