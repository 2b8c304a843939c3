import { describe, expect, it } from 'vitest';
import { formatComparison } from '../src/report/compare.js';
import { formatCount, formatSize } from '../src/report/format.js';
import { gateFailures } from '../src/report/gate.js';
import { lossesOf, renderPage } from '../src/report/page.js';
import { growthLines } from '../src/report/plots.js';
import { formatTable } from '../src/report/table.js';
import { report, result } from './results.js';

describe('formatCount', () => {
  it.each([
    [160, '160'],
    [6250, '6250'],
    [100_000, '100k'],
    [10_000_000, '10M'],
    [25_600_123, '25.6M'],
    [1e9, '1G'],
  ])('writes %d as %s', (count, expected) => expect(formatCount(count)).toBe(expected));
});

describe('formatTable', () => {
  it('lines up one row a result, with target and bandwidth where there are any', () => {
    const table = formatTable([
      result({ target: 1.55, bytesPerElement: 12 }, 1.5),
      result({ work: 'swap', tensors: 160, elements: 100_000, against: 'plain loop' }, 0.034),
    ]);
    expect(table.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      'work|operation|elements|ratio|to|quartiles|pairs|target|ns/element|GB/s'.split('|'),
      expect.anything(),
      'update|cpu, SWA.updateSwa|1000|1.50|set()|1.47-1.53|31|1.55|0.500|24.0'.split('|'),
      'swap|cpu, SWA.updateSwa|100k in 160|0.034|plain loop|0.033-0.035|31|0.005'.split('|'),
    ]);
  });

  it('prints the spread and no number where the spread is too wide', () => {
    const [, , line = ''] = formatTable([result({ bytesPerElement: 12 }, 1.5, 0.4)]).split('\n');
    expect(line.split(/ {2,}/).slice(2)).toEqual(['1000', 'too noisy', 'set()', '0.90-2.10', '31']);
  });
});

describe('formatSize', () => {
  it('tells the points of a curve along updates apart', () => {
    const point = result({ growth: { by: 'update', at: 100_000, units: 1 } }, 1);
    expect(formatSize(point.row)).toBe('1000, after 100k');
  });
});

describe('formatComparison', () => {
  const before = report([
    result({ work: 'update' }, 2),
    result({ work: 'swap' }, 2),
    result({ work: 'save' }, 2),
    result({ work: 'load' }, 2),
    result({ work: 'gone' }, 2),
  ]);
  const after = report([
    result({ work: 'update' }, 3),
    result({ work: 'swap' }, 1),
    result({ work: 'save' }, 2.02),
    result({ work: 'load' }, 4, 0.4),
    result({ work: 'new' }, 2),
  ]);
  const lines = formatComparison(before, after).split('\n');

  it('marks rows whose quartiles do not overlap', () => {
    expect(lines.slice(2, 5).map((line) => line.split(/ {2,}/).slice(-2))).toEqual([
      ['+50 %', 'slower'],
      ['-50 %', 'faster'],
      ['1.98-2.06', '+1 %'],
    ]);
  });

  it('gives no change where one of the runs is too noisy', () => {
    expect(lines[5]).toMatch(/too noisy {2}2\.40-5\.60$/);
  });

  it('names the rows of one run only', () => {
    expect(lines.slice(6)).toEqual([
      'Only in this run: new, cpu, SWA.updateSwa, 1000, to set()',
      'Only in the base: gone, cpu, SWA.updateSwa, 1000, to set()',
    ]);
  });
});

describe('gateFailures', () => {
  it('names row, ratio and gate, and passes rows below theirs or without one', () => {
    const failures = gateFailures([
      result({ gate: 1.9 }, 1.8),
      result({}, 100),
      result({ gate: 1.9 }, 2),
    ]);
    expect(failures).toEqual([
      'update, cpu, SWA.updateSwa, 1000: 2.00 (quartiles 1.96-2.04) of set(), ' +
        'more than its gate of 1.9.',
    ]);
  });
});

describe('lossesOf', () => {
  it('has the rows slower than a peer, the worst first; limits and noise are no losses', () => {
    const losses = lossesOf([
      result({ isPeer: true, name: 'a' }, 1.2),
      result({ isPeer: true, name: 'b' }, 3),
      result({ isPeer: true, name: 'faster' }, 0.8),
      result({ isPeer: true, name: 'noisy' }, 5, 0.5),
      result({ name: 'limit' }, 2),
    ]);
    expect(losses.map(({ row }) => row.name)).toEqual(['b', 'a']);
  });
});

describe('growthLines', () => {
  it('has the time per unit of each operation with several points, in order', () => {
    const growth = (at: number, units: number) =>
      ({ growth: { by: 'tensor', at, units } }) as const;
    const lines = growthLines('tensor', [
      result({ name: 'update', ...growth(100, 1000) }, 1),
      result({ name: 'update', ...growth(10, 500) }, 1),
      result({ name: 'alone', ...growth(10, 10) }, 1),
      result({ name: 'other', growth: { by: 'weight', at: 1, units: 1 } }, 1),
    ]);
    expect(lines.map(({ name, points }) => ({ name, points }))).toEqual([
      {
        name: 'update',
        points: [
          { at: 10, value: 1 },
          { at: 100, value: 0.5 },
        ],
      },
    ]);
  });
});

describe('renderPage', () => {
  it('needs no other file or host, and escapes what it is given', () => {
    const page = renderPage(
      report([
        result({ name: 'a <b> & c', isPeer: true, note: 'Because.' }, 2),
        result({ growth: { by: 'update', at: 1, units: 1 } }, 1),
        result({ growth: { by: 'update', at: 10, units: 1 } }, 1),
      ]),
    );
    expect(page).toContain('a &lt;b&gt; &amp; c');
    expect(page).toContain('a &lt;CPU&gt;');
    expect(page).toContain('Because.');
    expect(page).toContain('CPU time per update');
    expect(page).not.toMatch(/(src|href)=|url\(|@import/);
  });

  it('has a table of costs where some were measured', () => {
    const run = report([result({}, 2)]);
    const cost = { work: 'bundle', name: 'equal(), gzip', unit: 'bytes', value: 100 };
    expect(renderPage({ ...run, costs: [cost] })).toContain('<td>equal(), gzip</td><td>100</td>');
    expect(renderPage(run)).not.toContain('Costs');
  });
});
