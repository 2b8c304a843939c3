import { describe, expect, it } from 'vitest';
import type { Evidence } from '../src/evidence.js';
import type { MethodLine } from '../src/lines/method-lines.js';
import { fillPage as fill, type Pictures } from '../src/page.js';
import { digestOf, renderPng } from '../src/plots/png.js';
import { line } from './fixture.js';

const BLOCKS = [
  'table some budget=5 baseline=sgd metric=accuracy',
  'dots some budget=5 baseline=sgd metric=accuracy',
  'dots some budget=5 baseline=sgd metric=accuracy from=77.5',
  'budgets some metric=accuracy methods=sgd,swa',
] as const;
const METHODS = [
  line('sgd', 1, { accuracy: 60 }, 2),
  line('sgd', 1, { accuracy: 77.45 }),
  line('sgd', 2, { accuracy: 76.85 }),
  line('swa', 1, { accuracy: 77.95 }),
  line('swa', 2, { accuracy: 77.4 }),
];

function pageOf(words: string): string {
  return `# Page\n\n<!-- evidence: ${words} -->\n<!-- /evidence -->\n`;
}

const BINS = [
  { confidence: 0.7, accuracy: 0.6 },
  { confidence: 0.9, accuracy: 0.95 },
];

/** Loss and error of each method at three distances. */
const POINTS = ['sgd', 'swa'].flatMap((method) =>
  [-1, 0, 1].map((distance) =>
    line(method, 1, {
      direction: 1,
      distance,
      trainLoss: 0.5 + distance / 10,
      testError: 20 + distance,
    }),
  ),
);

async function fillPage(
  path: string,
  page: string,
  evidence: Evidence,
): Promise<{ readonly text: string; readonly pictures: Pictures }> {
  const pictures: Pictures = new Map();
  return { text: await fill(path, page, evidence, pictures), pictures };
}

function evidenceOf(methods: readonly MethodLine[]): Evidence {
  return { methods, flatness: [] };
}

describe('fillPage', () => {
  it.each(BLOCKS)('of %s leaves a filled page as it is', async (words) => {
    const { text } = await fillPage('docs/page.md', pageOf(words), evidenceOf(METHODS));
    const again = await fillPage('docs/page.md', text, evidenceOf(METHODS));
    expect(text).toMatch(/77\.\d\d/);
    expect(again.text).toBe(text);
  });

  it.each(BLOCKS)('of %s finds any number of its budgets that changes', async (words) => {
    const { text } = await fillPage('docs/page.md', pageOf(words), evidenceOf(METHODS));
    const [first, ...others] = METHODS.map((_, index) => index);
    for (const index of words.startsWith('budgets') ? [first, ...others] : others) {
      const methods = METHODS.map((one, position) =>
        position === index ? line(one.method, one.seed, { accuracy: 70 }, one.budget) : one,
      );
      const changed = await fillPage('docs/page.md', text, evidenceOf(methods));
      expect(changed.text, `line ${index}`).not.toBe(text);
    }
  });

  it.each(['trainLoss', 'testError'])('draws flatness, and finds a changed %s', async (key) => {
    const page = pageOf('flatness some budget=5 methods=sgd,swa');
    const { text } = await fillPage('docs/page.md', page, { methods: [], flatness: POINTS });
    expect(text).toContain('](images/evidence-some-5-flatness.png)');
    const flatness = POINTS.map((one, index) =>
      index === 4 ? { ...one, measures: new Map([...one.measures, [key, 0.25]]) } : one,
    );
    const other = await fillPage('docs/page.md', page, { methods: [], flatness });
    expect(other.text).not.toBe(text);
  });

  it('draws reliability, and finds a changed bin', async () => {
    const page = pageOf('reliability some budget=5 methods=sgd,swa');
    const methods = METHODS.map((one) => ({ ...one, bins: BINS }));
    const { text } = await fillPage('docs/page.md', page, evidenceOf(methods));
    expect(text).toContain('](images/evidence-some-5-reliability.png)');
    const changed = methods.map((one, index) =>
      index === 3 ? { ...one, bins: [{ confidence: 0.7, accuracy: 0.5 }] } : one,
    );
    const other = await fillPage('docs/page.md', page, evidenceOf(changed));
    expect(other.text).not.toBe(text);
  });

  it('draws pictures beside the page’s words, and links them from where the page is', async () => {
    const { text, pictures } = await fillPage(
      'examples/some/README.md',
      pageOf(BLOCKS[1]),
      evidenceOf(METHODS),
    );
    expect(text).toContain('sgd 77.15, swa 77.68](../../docs/images/evidence-some-5-accuracy.png)');
    const [svg = ''] = pictures.values();
    expect([...pictures.keys()]).toEqual(['docs/images/evidence-some-5-accuracy.png']);
    const png = Buffer.from(renderPng(svg));
    expect(png.toString('latin1', 1, 4)).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(1520);
    expect(text).toContain(`<!-- drawing ${digestOf(svg)} -->`);
  });

  it('refuses two pictures of one name', async () => {
    const page = `${pageOf(BLOCKS[1])}\n${pageOf(BLOCKS[2])}`;
    await expect(fillPage('a.md', page, evidenceOf(METHODS))).rejects.toThrow(
      'a.md:8: "dots" would draw another picture to docs/images/evidence-some-5-accuracy.png',
    );
  });

  it('refuses a kind that is not there', async () => {
    await expect(fillPage('a.md', pageOf('pie some'), evidenceOf(METHODS))).rejects.toThrow(
      'a.md:3: no block is called "pie"; there are answer, budgets, table, dots, ' +
        'flatness, reliability.',
    );
  });
});
