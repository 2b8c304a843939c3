import { describe, expect, it } from 'vitest';

import { deviation, formatTable, mean, tableOf } from '../src/results.js';
import { verdict } from '../src/verdict.js';
import { finishedRuns } from './fixture.js';

describe('tableOf', () => {
  it('has a row for each model, in percent, with mean and sample standard deviation', () => {
    expect(formatTable(tableOf(finishedRuns)).split('\n')).toEqual([
      '| accuracy in % | seed 1 | seed 2 | mean ± sd |',
      '| --- | ---: | ---: | ---: |',
      '| SGD | 70.00 | 72.00 | 71.00 ± 1.41 |',
      '| SWA to 0.05, last iterate | 60.00 | 60.00 | 60.00 ± 0.00 |',
      '| SWA to 0.05, averaged from 75 %, old batch norm | 65.00 | 65.00 | 65.00 ± 0.00 |',
      '| SWA to 0.05, averaged from 75 %, batch norm updated | 73.00 | 71.00 | 72.00 ± 1.41 |',
    ]);
  });

  it('has no mean of one seed', () => {
    expect(formatTable(tableOf(finishedRuns.slice(0, 1)))).toContain('| SGD | 70.00 |\n');
  });
});

describe('verdict', () => {
  it('says who won, by how much, and with how many seeds', () => {
    expect(verdict(tableOf(finishedRuns))).toBe(
      "SWA to 0.05, averaged from 75 %, batch norm updated: 72.00 ± 1.41 % beats SGD's 71.00 ± " +
        '1.41 %, better with 1 of 2 seeds.',
    );
  });

  it('says so where SWA lost', () => {
    expect(verdict(tableOf(finishedRuns.slice(1)))).toBe(
      "SWA to 0.05, averaged from 75 %, batch norm updated: 71.00 % loses to SGD's 72.00 %, " +
        'better with 0 of 1 seed.',
    );
  });
});

describe('mean and deviation', () => {
  it.each([
    [[1, 2, 3], 2, 1],
    [[4, 4], 4, 0],
  ])('of %j are %f and %f', (values, center, spread) => {
    expect([mean(values), deviation(values)]).toEqual([center, spread]);
  });
});
