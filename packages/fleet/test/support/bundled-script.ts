// Scripts of the tests in processes of their own: bundled, so that they start at once.
import { basename, join } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Bundles a script.
 *
 * @param path - of the script
 * @param folder - for the bundle
 * @returns the path of the bundle
 */
export async function bundleScript(path: string, folder: string): Promise<string> {
  const file = join(folder, `${basename(path, '.ts')}.mjs`);
  const build = await rolldown({
    input: path,
    platform: 'node',
    resolve: { conditionNames: ['@polyak/source', 'import', 'node'] },
    logLevel: 'silent',
  });
  await build.write({ file, codeSplitting: false });
  await build.close();
  return file;
}
