// The packages as they would be published.
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { must } from './run.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The tarballs of the packages, by name: `@polyak/core` and so on. */
export type Tarballs = ReadonlyMap<string, string>;

/** Builds and packs all packages. `pnpm pack` makes versions of the workspace's ranges. */
export async function packAll(folder: string): Promise<void> {
  const pnpm = ['npx', '-y', 'pnpm@12'];
  await must([...pnpm, 'build'], { cwd: ROOT, seconds: 900 });
  await mkdir(folder, { recursive: true });
  const pack = ['--filter', './packages/*', 'pack', '--pack-destination', folder];
  await must([...pnpm, ...pack], { cwd: ROOT });
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
