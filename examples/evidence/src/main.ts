// The command `evidence`: fills the blocks of all pages from the committed lines, and draws their
// pictures.
import { join } from 'node:path';

import { writeWhole } from '@polyak/example-shared/write-whole';

import { readEvidence, readPages, ROOT } from './evidence.js';
import { Failure } from './failure.js';
import { fillPage, type Pictures } from './page.js';
import { renderPng } from './plots/png.js';

try {
  const evidence = await readEvidence();
  const pictures: Pictures = new Map();
  for (const [path, page] of await readPages()) {
    const text = await fillPage(path, page, evidence, pictures);
    if (text !== page) await writeWhole(join(ROOT, path), text);
    process.stdout.write(`${path}: ${text === page ? 'as it was' : 'written'}\n`);
  }
  for (const [file, svg] of pictures) await writeWhole(join(ROOT, file), renderPng(svg));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
