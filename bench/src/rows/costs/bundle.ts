// The packages as an application's bundler sees them, from their sources: nothing has to be built
// first.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import type { OutputOptions, RolldownBuild } from 'rolldown';

// No such file: it only says where packages are looked for.
const ENTRY = fileURLToPath(new URL('entry.js', import.meta.url));

/**
 * An application in one file, tree-shaken and minified.
 *
 * @param code - what it does
 * @returns the file
 */
export async function bundled(code: string): Promise<string> {
  return generated(code, async (build) => {
    const { output } = await build.generate({ minify: true });
    return output.map((file) => (file.type === 'chunk' ? file.code : '')).join('');
  });
}

/**
 * An application in modules of their own, as Node loads it without a bundler.
 *
 * @param code - what it does
 * @param folder - where its modules are written
 * @returns the path of the first module
 */
export async function compiled(code: string, folder: string): Promise<string> {
  const options: OutputOptions = {
    dir: folder,
    preserveModules: true,
    entryFileNames: '[name].mjs',
  };
  return generated(code, async (build) => {
    const { output } = await build.write(options);
    const entry = output.find((file) => file.type === 'chunk' && file.facadeModuleId === ENTRY);
    if (entry === undefined) throw new Error('The bundler wrote no entry.');
    return join(folder, entry.fileName);
  });
}

async function generated<R>(code: string, use: (build: RolldownBuild) => Promise<R>): Promise<R> {
  const build = await rolldown({
    input: ENTRY,
    platform: 'node',
    external: [/^@tensorflow\//, 'onnxruntime-node', 'gpu.js'],
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? code : undefined),
      },
    ],
    resolve: { conditionNames: ['@polyak/source', 'import'] },
  });
  try {
    return await use(build);
  } finally {
    await build.close();
  }
}
