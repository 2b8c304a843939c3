// The steps of the build: TensorFlow, the packages, the addon, the check. Complete steps are kept:
// the next run makes only what is missing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { buildAddon } from './addon.js';
import type { Options } from './options.js';
import { installPackages, PACKAGE_VERSION, placeAddon } from './packages.js';
import { requireTools } from './requirements.js';
import { run } from './run.js';
import { installWheel, requireTensorFlow, wheelName } from './wheel.js';

/**
 * Where everything is kept. `loadTensorFlow` of @polyak/backend-tfjs looks for it under this name.
 */
export function nativeFolder(project: string): string {
  return join(project, '.tensorflow-native');
}

/**
 * Builds what is missing.
 *
 * @param options - what was asked for
 * @param say - receives a line for each step
 */
export async function build(
  { project, source, python }: Omit<Options, 'task'>,
  say: (line: string) => void,
): Promise<void> {
  const compiler = process.env['CXX'] ?? 'c++';
  const folder = nativeFolder(project);
  const isFetched = !('tensorflow' in source);
  requireTools({ compiler, ...(isFetched && { python }) });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '.gitignore'), '*\n');

  say(`1/4 TensorFlow: ${isFetched ? wheelName(source) : source.tensorflow}`);
  const tensorflow = isFetched
    ? await installWheel(folder, source, python)
    : requireTensorFlow(source.tensorflow);

  say(`2/4 @tensorflow/tfjs-node-gpu and tfjs-node ${PACKAGE_VERSION}`);
  const sources = await installPackages(folder);

  say('3/4 the addon');
  const addon = await buildAddon({ folder, package: sources, tensorflow, compiler });
  for (const line of placeAddon(addon, folder, project)) say(`    ${line}`);

  say('4/4 check');
  await run(
    process.execPath,
    [...process.execArgv, ...process.argv.slice(1, 2), 'check', '--project', project],
    {
      env: { TF_CPP_MIN_LOG_LEVEL: '1' },
      remedy:
        `Delete ${basename(folder)} and run this again. SIGILL means a processor without AVX, ` +
        'which TensorFlow needs.',
    },
  );
}
