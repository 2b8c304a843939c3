// The parts of a page that the command writes: between `<!-- evidence: KIND … -->` and
// `<!-- /evidence -->`.
import { Failure } from './failure.js';

/** What a block shows. */
export interface Block {
  /** Such as `table`. */
  readonly kind: string;
  /** The words after the kind without `=`, such as the experiment. */
  readonly subject: string;
  /** The words with `=`: `budget=100` is the option `budget`. */
  readonly options: ReadonlyMap<string, string>;
  /** The section it is in. */
  readonly heading: string;
  /** Such as `docs/evidence.md:12`. */
  readonly place: string;
}

const BLOCK =
  /(?<open><!-- evidence: (?<words>[^>]*?) -->)(?<body>[\s\S]*?)(?<close><!-- \/evidence -->)/g;
const MARK = /<!-- \/?evidence\b/g;

/** The blocks of a page, in order. */
export function blocksOf(path: string, page: string): readonly Block[] {
  const blocks = [...page.matchAll(BLOCK)].map(({ index, groups }) => {
    const before = page.slice(0, index);
    const place = `${path}:${before.split('\n').length}`;
    if (groups?.['body']?.includes('<!-- evidence')) {
      throw new Failure(`${place}: another block begins in this one. Close it: <!-- /evidence -->`);
    }
    const [kind = '', ...words] = (groups?.['words'] ?? '').trim().split(/\s+/);
    return {
      kind,
      subject: words.filter((word) => !word.includes('=')).join(' '),
      options: new Map(
        words.filter((word) => word.includes('=')).map((word) => splitOnce(word, '=')),
      ),
      heading:
        before
          .match(/^## .*$/gm)
          ?.at(-1)
          ?.slice(3) ?? '',
      place,
    };
  });
  const marks = page.match(MARK)?.length ?? 0;
  if (marks !== 2 * blocks.length) {
    throw new Failure(
      `${path}: ${marks} marks for ${blocks.length} blocks. ` +
        'Each block begins with <!-- evidence: KIND … --> and ends with <!-- /evidence -->.',
    );
  }
  return blocks;
}

/** The page with new contents of its blocks, which are in their order. */
export function fillBlocks(page: string, contents: readonly string[]): string {
  let index = 0;
  return page.replaceAll(BLOCK, (_match, open: string, _words, _body, close: string) => {
    const content = contents[index] ?? '';
    index += 1;
    return `${open}\n\n${content}\n\n${close}`;
  });
}

/** An option that the block must have. */
export function optionOf({ place, kind, options }: Block, name: string): string {
  const value = options.get(name);
  if (value !== undefined) return value;
  throw new Failure(`${place}: "${kind}" lacks ${name}=…`);
}

/** An option that is a list. */
export function listOf(block: Block, name: string): readonly string[] {
  return optionOf(block, name).split(',');
}

function splitOnce(word: string, separator: string): readonly [string, string] {
  const index = word.indexOf(separator);
  return [word.slice(0, index), word.slice(index + 1)];
}
