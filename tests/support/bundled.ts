// What importing one name costs an application: bundled, tree-shaken and minified, in bytes.
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

// No such file: it only says where packages are looked for.
const ENTRY = fileURLToPath(new URL('entry.js', import.meta.url));

/** The code of an application that imports `name` and nothing else. */
export function bundled(name: string, from: string): Promise<string> {
  return bundleOf(`export ${name === '*' ? '*' : `{ ${name} }`} from '${from}';`);
}

/** The code of an application whose own code is `source`. */
export async function bundleOf(source: string): Promise<string> {
  const build = await rolldown({
    input: ENTRY,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? source : undefined),
      },
    ],
    resolve: { conditionNames: ['@polyak/source', 'import'] },
    onLog(_level, log) {
      throw new Error(log.message); // such as an import left out of the bundle
    },
  });
  const { output } = await build.generate({ minify: true });
  return output.map((file) => (file.type === 'chunk' ? file.code : '')).join('');
}
