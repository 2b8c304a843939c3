// Empty projects that install the tarballs as users do.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from './run.js';
import type { Tarballs } from './tarballs.js';

/** What a project's package.json asks for. */
export interface ProjectOptions {
  /** The packages from tarballs, as the README's install line names them. */
  readonly packages: readonly string[];
  /** Versions of others by name. */
  readonly others?: Readonly<Record<string, string>>;
}

/**
 * Makes a project and installs what it asks for. What the packages depend on comes from the
 * tarballs too, by npm's overrides.
 *
 * Install scripts do not run: ours have none, and those of runtimes fetch what no program here
 * uses (CUDA for ONNX Runtime) or compile for minutes (gl).
 */
export async function makeProject(
  folder: string,
  tarballs: Tarballs,
  { packages, others = {} }: ProjectOptions,
): Promise<void> {
  const local = Object.fromEntries([...tarballs].map(([name, path]) => [name, `file:${path}`]));
  const direct = packages.map((name) => {
    const tarball = local[name];
    if (tarball === undefined) throw new Error(`there is no tarball of ${name}`);
    return [name, tarball] as const;
  });
  await mkdir(folder, { recursive: true });
  const manifest = {
    private: true,
    type: 'module',
    dependencies: { ...Object.fromEntries(direct), ...others },
    overrides: local,
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2));
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  await must(['npm', 'install', '--ignore-scripts', ...quiet], { cwd: folder, seconds: 600 });
}

/** The version of a package that a project has installed. */
export async function installedVersion(folder: string, name: string): Promise<string> {
  const manifest = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
