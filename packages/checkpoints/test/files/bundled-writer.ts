// The writer in a process of its own: bundled, so that it starts in the time of Node alone.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** @returns the path of the script */
export async function bundleWriter(folder: string): Promise<string> {
  const file = join(folder, 'writer.js');
  const build = await rolldown({
    input: fileURLToPath(new URL('killed-writer.ts', import.meta.url)),
    platform: 'node',
    resolve: { conditionNames: ['@polyak/source', 'import'] },
  });
  await build.write({ file });
  return file;
}
