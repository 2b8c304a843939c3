// The packages as they would be published, for `release` and `installed`.
import { mkdir } from 'node:fs/promises';
import { must } from './run.js';
import type { RunOptions } from './run.js';

/** A packed package, as pnpm describes it. */
export interface Packed {
  readonly name: string;
  /** The path of the tarball. */
  readonly filename: string;
  /** Of the tarball, in bytes. */
  readonly size: number;
}

/**
 * Packs all packages. Packing replaces the workspace's ranges by versions.
 *
 * @param folder - where the tarballs are written
 * @param options - `cwd` is the root of the workspace, built
 */
export async function packAll(folder: string, options: RunOptions): Promise<readonly Packed[]> {
  await mkdir(folder, { recursive: true });
  const pack = ['--filter', './packages/*', 'pack', '--json', '--pack-destination', folder];
  return JSON.parse(await must(['npx', '-y', 'pnpm@12', ...pack], options)) as readonly Packed[];
}
