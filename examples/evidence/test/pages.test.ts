// Tables and pictures of the committed pages are those of the committed lines.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { readEvidence, readPages, ROOT } from '../src/evidence.js';
import { fillPage, type Pictures } from '../src/page.js';
import { digestOf } from '../src/plots/png.js';

const REMEDY = 'Stale. Write tables and pictures again: npx -y pnpm@12 evidence';

const evidence = await readEvidence();
const pictures: Pictures = new Map();
const pages: (readonly [path: string, page: string, filled: string])[] = [];
for (const [path, page] of await readPages()) {
  pages.push([path, page, await fillPage(path, page, evidence, pictures)]);
}

describe('committed pages', () => {
  it('are found', () => {
    expect(pages.map(([path]) => path)).toContain('docs/evidence.md');
  });

  it.each(pages)('%s has the tables of the committed lines', (_path, page, filled) => {
    expect(filled === page ? page : `${REMEDY}\n${filled}`).toBe(page);
  });

  it.each([...pictures])('%s is drawn from the committed lines', async (file, svg) => {
    const png = await readFile(join(ROOT, file), 'latin1');
    expect(png.includes(`tEXtdrawing\0${digestOf(svg)}`) ? 'fresh' : REMEDY).toBe('fresh');
  });
});
