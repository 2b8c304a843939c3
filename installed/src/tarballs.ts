// The packages as they would be published.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packAll } from '../../tools/pack.js';
import { must, usersOptions } from './run.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The tarballs of the packages, by name: `@polyak/core` and so on. */
export type Tarballs = ReadonlyMap<string, string>;

/** Builds and packs all packages. */
export async function buildAndPack(folder: string): Promise<void> {
  await must(['npx', '-y', 'pnpm@12', 'build'], { cwd: ROOT, seconds: 900 });
  await packAll(folder, usersOptions({ cwd: ROOT }));
}

/** The tarballs of a folder, which has one of each package. */
export async function tarballsIn(folder: string): Promise<Tarballs> {
  const files = await readdir(folder);
  const packages = await readdir(join(ROOT, 'packages'));
  return new Map(
    await Promise.all(
      packages.map(async (directory) => {
        const { name, version } = JSON.parse(
          await readFile(join(ROOT, 'packages', directory, 'package.json'), 'utf8'),
        ) as { readonly name: string; readonly version: string };
        const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
        if (!files.includes(file)) throw new Error(`${folder} has no ${file}: pack all packages`);
        return [name, join(folder, file)] as const;
      }),
    ),
  );
}
