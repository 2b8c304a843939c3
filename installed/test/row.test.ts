import { expect, it } from 'vitest';
import { Report } from '../src/row.js';
import type { Row } from '../src/row.js';

/** What a report writes of rows with these results, and whether all is well. */
function reportOf(
  rows: readonly Partial<Row>[],
  canSkip = true,
): { text: string; isWell: boolean } {
  const lines: string[] = [];
  const report = new Report((line) => lines.push(line));
  for (const row of rows) report.add({ what: 'cpu', where: 'x', result: 'ok', note: '', ...row });
  const isWell = report.end({ canSkip });
  return { text: lines.join('\n'), isWell };
}

it.each<[string, readonly Partial<Row>[], boolean, boolean]>([
  ['is well where all are ok', [{}, {}], false, true],
  ['is not well where one failed', [{}, { result: 'failed' }], true, false],
  ['is well where one was skipped', [{}, { result: 'skipped' }], true, true],
  ['is not well where one was skipped that must not be', [{}, { result: 'skipped' }], false, false],
  ['is not well where all were skipped', [{ result: 'skipped' }], true, false],
  ['is not well where nothing was checked', [], true, false],
])('%s', (_, rows, canSkip, isWell) => {
  expect(reportOf(rows, canSkip).isWell).toBe(isWell);
});

it('ends with a table in which what differs only in where it ran is one line', () => {
  const { text } = reportOf([
    { where: 'node 20' },
    { where: 'bun 1', result: 'failed', note: 'main.js:1\nError: no' },
    { where: 'node 26' },
  ]);
  expect(text).toContain(
    '| cpu | failed | Error: no | bun 1 |\n| cpu | ok |  | node 20, node 26 |',
  );
  expect(text).toMatch(/^failed {2}cpu on bun 1: main\.js:1\n {8}Error: no$/mu);
  expect(text).toMatch(/\n2 ok, 0 skipped, 1 failed$/u);
});
