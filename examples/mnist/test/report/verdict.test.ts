import { describe, expect, it } from 'vitest';

import { formatFinalTable } from '../../src/report/final-table.js';
import { finalRows, verdict } from '../../src/report/verdict.js';
import { finalScores } from './fixture.js';

describe('verdict', () => {
  it('says what was measured, whoever was better', () => {
    expect(verdict(finalScores(0.9697, 0.96, 0.973), 10_000)).toBe(
      '97.30 % test accuracy with SWA, 96.97 % with plain SGD: one seed, 10,000 test images.',
    );
    expect(verdict(finalScores(0.97, 0.98, 0.9699), 500)).toBe(
      '96.99 % test accuracy with SWA, 97.00 % with plain SGD: one seed, 500 test images.',
    );
  });
});

describe('formatFinalTable', () => {
  it('aligns the columns and stars the best of each', () => {
    expect(formatFinalTable(finalRows(finalScores(0.97, 0.99, 1)), false).split('\n')).toEqual([
      'weights                              test accuracy   test loss',
      '----------------------------------   -------------   ---------',
      'SGD                                        97.00 %      0.0600',
      'SWA, old batch-norm statistics             99.00 %      0.0200',
      'SWA, updated batch-norm statistics        100.00 % *    0.0000 *',
    ]);
  });

  it('stars each of several that look the same', () => {
    const table = formatFinalTable(finalRows(finalScores(0.97, 0.9, 0.97)), false);
    expect(table.match(/97\.00 % \*/g)).toHaveLength(2);
  });

  it('stars the columns apart', () => {
    const { sgd, ...others } = finalScores(0.97, 0.9, 0.98);
    const table = formatFinalTable(finalRows({ sgd: { ...sgd, loss: 0.001 }, ...others }), false);
    expect(table).toMatch(/^SGD +97\.00 % +0\.0010 \*$/m);
    expect(table).toMatch(/^SWA, updated .* 98\.00 % \* +0\.0400$/m);
  });

  it('is plain text unless styled', () => {
    const rows = finalRows(finalScores(0.97, 0.9, 0.98));
    expect(formatFinalTable(rows, false)).not.toContain('\u001b');
  });
});
