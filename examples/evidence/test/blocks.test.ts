import { describe, expect, it } from 'vitest';
import { blocksOf, fillBlocks } from '../src/blocks.js';

const PAGE = `# Page

## First part

<!-- evidence: table some budget=5
     metric=accuracy,ece -->
old
<!-- /evidence -->

## Second, *with* more

Text.

<!-- evidence: answer -->
<!-- /evidence -->
`;

describe('blocksOf', () => {
  it('reads kind, subject and options, and names the section and the place', () => {
    expect(blocksOf('docs/page.md', PAGE)).toEqual([
      {
        kind: 'table',
        subject: 'some',
        options: new Map([
          ['budget', '5'],
          ['metric', 'accuracy,ece'],
        ]),
        heading: 'First part',
        place: 'docs/page.md:5',
      },
      {
        kind: 'answer',
        subject: '',
        options: new Map(),
        heading: 'Second, *with* more',
        place: 'docs/page.md:14',
      },
    ]);
  });

  it('refuses a block that is not closed', () => {
    expect(() => blocksOf('a.md', '<!-- evidence: answer -->\n')).toThrow('a.md: 1 marks for 0');
    const nested = '<!-- evidence: answer -->\n'.repeat(2) + '<!-- /evidence -->';
    expect(() => blocksOf('a.md', nested)).toThrow('a.md:1: another block begins in this one.');
  });
});

describe('fillBlocks', () => {
  it('replaces what is in each block, and nothing else', () => {
    const filled = fillBlocks(PAGE, ['a $1 table', 'the answer']);
    expect(filled).toContain('metric=accuracy,ece -->\n\na $1 table\n\n<!-- /evidence -->');
    expect(filled).toContain('<!-- evidence: answer -->\n\nthe answer\n\n<!-- /evidence -->');
    expect(filled).not.toContain('old');
    expect(filled.replaceAll(/\n\n(a \$1 table|the answer)\n\n/g, '\n')).toBe(
      PAGE.replace('old\n', ''),
    );
  });
});
