// The committed lines of all examples, and the pages that show them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { glob } from 'tinyglobby';

import { parseMethodLines, type MethodLine } from './lines/method-lines.js';

/** All that was measured. */
export interface Evidence {
  readonly methods: readonly MethodLine[];
  /** Losses and errors along random directions from the weights: a line for each distance. */
  readonly flatness: readonly MethodLine[];
}

/** The repository's root. */
export const ROOT: string = join(import.meta.dirname, '..', '..', '..');

/** The lines of all examples. */
export async function readEvidence(): Promise<Evidence> {
  return {
    methods: parseMethodLines(await readAll('examples/*/results/methods.jsonl')),
    flatness: parseMethodLines(await readAll('examples/*/results/flatness.jsonl'), [
      'direction',
      'distance',
    ]),
  };
}

/** The pages with blocks, by path from the root. */
export async function readPages(): Promise<ReadonlyMap<string, string>> {
  const pages = await readAll(['*.md', 'docs/*.md', 'examples/*/README.md']);
  return new Map([...pages].filter(([, page]) => page.includes('<!-- evidence: ')));
}

async function readAll(patterns: string | readonly string[]): Promise<Map<string, string>> {
  const paths = await glob(patterns, { cwd: ROOT, ignore: ['**/node_modules/**'] });
  return new Map(
    await Promise.all(
      paths
        .toSorted()
        .map(async (path) => [path, await readFile(join(ROOT, path), 'utf8')] as const),
    ),
  );
}
