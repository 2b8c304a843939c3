// Makes the package of a new backend from the one in `template`, and adds it to what is built and
// documented.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

const TEMPLATE = fileURLToPath(new URL('../template/', import.meta.url));
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

interface Manifest {
  readonly scripts: { build: string };
}

interface Typedoc {
  readonly entryPoints: string[];
}

/**
 * Makes `packages/backend-NAME`.
 *
 * @param root - the root of the repository
 * @param name - the runtime, in lower case, such as `webnn`
 * @returns the folder, from the root
 * @throws RangeError where the name cannot be one, or is taken
 */
export async function createBackend(root: string, name: string): Promise<string> {
  requireName(name);
  const folder = `packages/backend-${name}`;
  if (existsSync(join(root, folder))) {
    throw new RangeError(`create-backend: ${folder} exists. Choose another name, or remove it.`);
  }
  for (const file of templateFiles()) {
    const text = named(readFileSync(join(TEMPLATE, file), 'utf8'), name);
    // Under its own name it would be the template's, whose folder is another.
    const target = file === 'tsconfig.package.json' ? 'tsconfig.json' : file;
    await write(join(root, folder, target), text);
  }
  await change(join(root, 'package.json'), ({ scripts }: Manifest) => {
    scripts.build += ` ${folder}`;
  });
  await change(join(root, 'typedoc.json'), ({ entryPoints }: Typedoc) => {
    entryPoints.push(folder);
  });
  return folder;
}

function requireName(name: string): void {
  if (!NAME.test(name)) {
    throw new RangeError(
      `create-backend: "${name}" is no name. Expected lower-case letters, digits and single ` +
        'hyphens, such as webnn or apple-mlx.',
    );
  }
  if (name.startsWith('backend-') || name === 'template') {
    throw new RangeError(
      `create-backend: "${name}" is not the name of a runtime. The package of webnn is called ` +
        'backend-webnn: give webnn.',
    );
  }
}

/** The template's files, from its folder. Links, such as those of pnpm, are not followed. */
function templateFiles(folder: string = ''): readonly string[] {
  return readdirSync(join(TEMPLATE, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return [path];
    const isSource = entry.isDirectory() && !['node_modules', 'dist'].includes(entry.name);
    return isSource ? templateFiles(path) : [];
  });
}

/**
 * The text with the runtime's name in place of the template's, in each case.
 *
 * @param text - of the template
 * @param name - of the runtime
 */
export function named(text: string, name: string): string {
  const pascal = name.replace(/(^|-)[a-z0-9]/g, (start) => start.slice(-1).toUpperCase());
  const camel = pascal.replace(/^./, (first) => first.toLowerCase());
  return text
    .replaceAll('Template', pascal)
    .replaceAll(/template(?=[A-Z])/g, camel)
    .replaceAll('template', name);
}

/** A JSON file as `edit` leaves it. */
async function change(path: string, edit: (value: never) => void): Promise<void> {
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  edit(value as never);
  await write(path, JSON.stringify(value, null, 2));
}

/** Writes a file as prettier formats it: names are of different lengths. */
async function write(path: string, text: string): Promise<void> {
  const options = await resolveConfig(path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, await format(text, { ...options, filepath: path }));
}
