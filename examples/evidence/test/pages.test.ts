// Tables and pictures of the committed pages are those of the committed lines.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { readEvidence, readPages, ROOT } from '../src/evidence.js';
import { fillPage } from '../src/page.js';

const REMEDY = 'Stale. Write tables and pictures again: npx -y pnpm@12 evidence';

const evidence = await readEvidence();
const pages = [...(await readPages())];

describe('committed pages', () => {
  it('are found', () => {
    expect(pages.map(([path]) => path)).toContain('docs/evidence.md');
  });

  it.each(pages)('%s equals the committed lines', async (path, page) => {
    const { text, pictures } = await fillPage(path, page, evidence);
    expect(text === page ? page : `${REMEDY}\n${text}`).toBe(page);
    const files = await Promise.all([...pictures.keys()].map((file) => readFile(join(ROOT, file))));
    expect(files.map((file) => file.toString('latin1', 1, 4))).toEqual(files.map(() => 'PNG'));
  });
});
