// Lines and blocks that tests make.
import { blocksOf, type Block } from '../src/blocks.js';
import type { MethodLine } from '../src/lines/method-lines.js';

/** One line of the experiment `some`. */
export function line(
  method: string,
  seed: number,
  measures: Readonly<Record<string, number>>,
  budget = 5,
): MethodLine {
  const names = { experiment: 'some', budget, seed, method };
  return { ...names, measures: new Map(Object.entries(measures)), bins: [] };
}

/** The first block of a page with these words. */
export function blockWith(words: string): Block {
  const [block] = blocksOf('page.md', `# Page\n\n<!-- evidence: ${words} -->\n<!-- /evidence -->`);
  if (block === undefined) throw new Error(`no block: ${words}`);
  return block;
}

/** A table's cells, without the spaces around them and without the rule. */
export function cellsOf(markdown: string): readonly (readonly string[])[] {
  return markdown
    .split('\n')
    .filter((row) => row.startsWith('|') && !row.startsWith('| -'))
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
