// The packages as they would be published: one tarball each.
import { basename } from 'node:path';
import { list } from 'tar';
import { packAll } from '../../tools/pack.js';
import type { Packed } from '../../tools/pack.js';
import type { Manifest } from './manifest.js';
import type { Candidate } from './requirements.js';

/** A packed package. */
export interface Tarball extends Candidate {
  /** The name of its file. */
  readonly file: string;
  /** In bytes. */
  readonly packed: number;
  /** The size in bytes of each file, by path. */
  readonly sizes: ReadonlyMap<string, number>;
}

/**
 * Packs all packages.
 *
 * @param root - of the workspace, built
 * @param folder - where the tarballs are written
 */
export async function tarballsOf(root: string, folder: string): Promise<readonly Tarball[]> {
  const all = (await packAll(folder, { cwd: root })).map(described);
  return (await Promise.all(all)).toSorted((a, b) => (a.directory < b.directory ? -1 : 1));
}

async function described({ name, filename, size }: Packed): Promise<Tarball> {
  // Packing replaces `workspace:` by versions: the manifest is the tarball's.
  const { sizes, texts } = await contentsOf(filename);
  return {
    directory: name.replace('@polyak/', 'packages/'),
    manifest: JSON.parse(texts.get('package.json') ?? '{}') as Manifest,
    readme: texts.get('README.md') ?? '',
    file: basename(filename),
    packed: size,
    sizes,
  };
}

async function contentsOf(file: string): Promise<{
  readonly sizes: ReadonlyMap<string, number>;
  readonly texts: ReadonlyMap<string, string>;
}> {
  const sizes = new Map<string, number>();
  const reads: Promise<readonly [string, string]>[] = [];
  await list({
    file,
    onReadEntry: (entry) => {
      const path = entry.path.replace(/^package\//, '');
      sizes.set(path, entry.size);
      if (path !== 'package.json' && path !== 'README.md') return;
      reads.push(entry.concat().then((bytes) => [path, bytes.toString()] as const));
    },
  });
  return { sizes, texts: new Map(await Promise.all(reads)) };
}

/** The files that every tarball must have and this one has not, as sentences. */
export function missingFiles({ directory, sizes }: Tarball): readonly string[] {
  return ['LICENSE', 'README.md', 'package.json']
    .filter((path) => !sizes.has(path))
    .map((path) => `${directory}: its tarball has no ${path}.`);
}
