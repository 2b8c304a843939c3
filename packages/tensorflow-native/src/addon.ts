// The addon: two C++ files of tfjs-node, compiled against Node-API and linked to TensorFlow.
// Node-API is stable: one addon works on all versions of Node, and their headers are not needed.
import { createHash } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { run } from './run.js';
import { makeWhole } from './whole-folder.js';
import { LIBRARIES } from './wheel.js';

/** As `lib/napi-v8` in the packages says. */
const NODE_API_VERSION = 8;

/** What is compiled with what. */
export interface AddonOptions {
  /** Where to keep it. */
  readonly folder: string;
  /** A tfjs-node package, for its sources. */
  readonly package: string;
  /** TensorFlow's folder. */
  readonly tensorflow: string;
  /** The C++ compiler. */
  readonly compiler: string;
}

/**
 * Compiles the addon for one TensorFlow, unless that was done.
 *
 * @returns its file
 */
export async function buildAddon(options: AddonOptions): Promise<string> {
  const { folder, tensorflow, compiler } = options;
  const name = 'tfjs_binding.node';
  const home = join(folder, `addon-${identityOf(tensorflow)}`);
  const nodeApi = createRequire(import.meta.url).resolve('node-api-headers/package.json');
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) =>
    join(options.package, 'binding', file),
  );
  await makeWhole(home, async (partial) => {
    const language = [
      '-std=c++17',
      '-O2',
      '-fPIC',
      '-shared',
      `-DNAPI_VERSION=${NODE_API_VERSION}`,
    ];
    const headers = ['-I', join(dirname(nodeApi), 'include'), '-I', join(tensorflow, 'include')];
    const libraries = ['-L', tensorflow, ...LIBRARIES.map((library) => `-l:${library}`)];
    // TensorFlow finds NVIDIA's libraries from where it is itself, so it is linked there and not
    // copied.
    const search = `-Wl,-rpath,${tensorflow}`;
    const args = [
      ...language,
      ...headers,
      ...sources,
      '-o',
      join(partial, name),
      ...libraries,
      search,
    ];
    await run(compiler, args, { remedy: 'The compiler must know C++17: name a newer one in CXX.' });
  });
  return join(home, name);
}

/** Another one for each TensorFlow, also where one was replaced by another in the same place. */
function identityOf(tensorflow: string): string {
  const library = realpathSync(join(tensorflow, LIBRARIES[0]));
  const { size, mtimeMs } = statSync(library);
  return createHash('sha256')
    .update(`${tensorflow}\n${library}\n${size}\n${mtimeMs}`)
    .digest('hex')
    .slice(0, 12);
}
