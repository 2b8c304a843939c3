// A page with its blocks filled, and the pictures that they show.
import { join, posix } from 'node:path';

import { format, resolveConfig } from 'prettier';

import { blocksOf, fillBlocks, type Block } from './blocks.js';
import { Failure } from './failure.js';
import { ROOT, type Evidence } from './evidence.js';
import { drawBudgets } from './plots/budgets.js';
import { drawDots } from './plots/dots.js';
import { drawCard } from './plots/frame.js';
import { drawFlatness } from './plots/flatness.js';
import { digestOf } from './plots/png.js';
import type { Picture } from './plots/picture.js';
import { drawReliability } from './plots/reliability.js';
import { renderAnswer } from './tables/answer.js';
import { renderBudgets } from './tables/budgets.js';
import { renderTable } from './tables/table.js';

/** SVG by path from the repository's root; the file itself is a PNG. */
export type Pictures = Map<string, string>;

/** One block, and what else a kind may need. */
interface Context {
  readonly block: Block;
  readonly blocks: readonly Block[];
  readonly evidence: Evidence;
}

/** Where a picture is shown. */
interface Place {
  readonly path: string;
  readonly block: Block;
  readonly pictures: Pictures;
}

const TABLES: Readonly<Record<string, (context: Context) => string>> = {
  answer: ({ blocks, evidence }) => renderAnswer(blocks, evidence.methods),
  budgets: ({ block, evidence }) => renderBudgets(block, evidence.methods),
  table: ({ block, evidence }) => renderTable(block, evidence.methods),
};

const PICTURES: Readonly<Record<string, (context: Context) => Picture>> = {
  budgets: ({ block, evidence }) => drawBudgets(block, evidence.methods),
  dots: ({ block, evidence }) => drawDots(block, evidence.methods),
  flatness: ({ block, evidence }) => drawFlatness(block, evidence.flatness),
  reliability: ({ block, evidence }) => drawReliability(block, evidence.methods),
};

/**
 * Fills all blocks of a page.
 *
 * @param path - of the page, from the repository's root
 * @param pictures - of all pages; those of this one are added
 * @returns the page
 */
export async function fillPage(
  path: string,
  page: string,
  evidence: Evidence,
  pictures: Pictures,
): Promise<string> {
  const blocks = blocksOf(path, page);
  const contents = blocks.map((block) => {
    const context = { block, blocks, evidence };
    const [table, picture] = [TABLES[block.kind], PICTURES[block.kind]];
    if (table === undefined && picture === undefined) {
      const kinds = [...new Set([TABLES, PICTURES].flatMap((kind) => Object.keys(kind)))].join(
        ', ',
      );
      throw new Failure(`${block.place}: no block is called "${block.kind}"; there are ${kinds}.`);
    }
    return [table?.(context), picture && showPicture({ path, block, pictures }, picture(context))]
      .filter((part) => part !== undefined)
      .join('\n\n');
  });
  const filled = fillBlocks(page, contents);
  const config = await resolveConfig(join(ROOT, path));
  return format(filled, { ...config, parser: 'markdown' });
}

/** The link to a picture, with a digest of its drawing: so a changed picture changes the page. */
function showPicture({ path, block, pictures }: Place, { name, alt, card }: Picture): string {
  const file = `docs/images/evidence-${name}.png`;
  const svg = drawCard(card);
  if (![undefined, svg].includes(pictures.get(file))) {
    throw new Failure(
      `${block.place}: "${block.kind}" would draw another picture to ${file}, which is taken. ` +
        'All pages share one of each kind, experiment, budget and measure.',
    );
  }
  pictures.set(file, svg);
  const link = `![${alt}](${posix.relative(posix.dirname(path), file)})`;
  return `${link}\n\n<!-- drawing ${digestOf(svg)} -->`;
}
