import { describe, expect, it } from 'vitest';

import { formatFinalTable } from '../../src/report/final-table.js';
import { finalRows, verdict } from '../../src/report/verdict.js';
import { finalScores } from './fixture.js';

describe('verdict', () => {
  it('says by how much SWA won', () => {
    expect(verdict(finalScores(0.97, 0.96, 0.972), 10_000)).toBe(
      'SWA wins by 20 of 10,000 test images: 97.20 % test accuracy with SWA, 97.00 % with plain ' +
        'SGD.',
    );
  });

  it('says so where plain SGD won, whatever SWA with old statistics did', () => {
    expect(verdict(finalScores(0.97, 0.98, 0.9699), 10_000)).toBe(
      'Plain SGD wins by 1 of 10,000 test images: 96.99 % test accuracy with SWA, 97.00 % with ' +
        'plain SGD.',
    );
  });

  it('says so where they tie', () => {
    expect(verdict(finalScores(0.97, 0.98, 0.97), 10_000)).toBe(
      'A tie: 97.00 % test accuracy with SWA, 97.00 % with plain SGD, on 10,000 test images.',
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
