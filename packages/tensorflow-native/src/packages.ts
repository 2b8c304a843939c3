// The two npm packages that use the addon. Both ship the same source; the linked TensorFlow decides
// whether a GPU is used.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { run } from './run.js';
import { link, makeWhole } from './whole-folder.js';

export const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
export const PACKAGE_VERSION = '4.22.0';

/** Where both packages look for their addon. */
const ADDON = 'lib/napi-v8/tfjs_binding.node';

/**
 * Installs both packages by npm, without their install scripts, unless they are there.
 *
 * @param folder - where `node_modules` then is
 * @returns the folder of the first package
 */
export async function installPackages(folder: string): Promise<string> {
  const home = join(folder, `tfjs-node-${PACKAGE_VERSION}`);
  await makeWhole(home, async (partial) => {
    const dependencies = Object.fromEntries(PACKAGES.map((name) => [name, PACKAGE_VERSION]));
    writeFileSync(join(partial, 'package.json'), JSON.stringify({ private: true, dependencies }));
    await run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      {
        cwd: partial,
        remedy: 'Run this again once npm can reach its registry.',
      },
    );
  });
  link(join(home, 'node_modules'), join(folder, 'node_modules'));
  return join(folder, 'node_modules', PACKAGES[0]);
}

/**
 * Gives the addon to the packages in `folder`, and to those of the same version that the project
 * itself has installed.
 *
 * @param addon - the file
 * @returns what was done with the packages of the project, a line each
 */
export function placeAddon(addon: string, folder: string, project: string): readonly string[] {
  for (const name of PACKAGES) link(addon, join(folder, 'node_modules', name, ADDON));
  return PACKAGES.flatMap((name) => findPackage(project, name)).map(({ path, version }) => {
    if (version !== PACKAGE_VERSION)
      return `not for ${path} (${version}): the addon is for ${PACKAGE_VERSION}`;
    link(addon, join(path, ADDON));
    return `also for ${path}`;
  });
}

function findPackage(
  project: string,
  name: string,
): readonly { readonly path: string; readonly version: string }[] {
  const roots = createRequire(join(project, 'package.json')).resolve.paths(name) ?? [];
  const file = roots.map((root) => join(root, name, 'package.json')).find(existsSync);
  if (file === undefined) return [];
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
  return [{ path: dirname(file), version }];
}
