import { describe, expect, it } from 'vitest';

import { formatSeedTables } from '../../src/report/seed-table.js';
import { finalScores, runOfSeed } from './fixture.js';

describe('formatSeedTables', () => {
  it('shows each seed and the mean, and where the seeds disagree, ties out', () => {
    const tables = formatSeedTables([
      runOfSeed(1, finalScores(0.97, 0.96, 0.98)),
      runOfSeed(2, finalScores(0.96, 0.95, 0.96)),
    ]);
    expect(tables.split('\n')).toEqual([
      'Test accuracy (%):',
      '',
      '| weights | seed 1 | seed 2 | mean |',
      '| --- | ---: | ---: | ---: |',
      '| SGD | 97.00 | 96.00 | **96.50** |',
      '| SWA, old batch-norm statistics | 96.00 | 95.00 | **95.50** |',
      '| SWA, updated batch-norm statistics | 98.00 | 96.00 | **97.00** |',
      '',
      'Test loss (nats):',
      '',
      '| weights | seed 1 | seed 2 | mean |',
      '| --- | ---: | ---: | ---: |',
      '| SGD | 0.0600 | 0.0800 | **0.0700** |',
      '| SWA, old batch-norm statistics | 0.0800 | 0.1000 | **0.0900** |',
      '| SWA, updated batch-norm statistics | 0.0400 | 0.0800 | **0.0600** |',
      '',
      'Mean test accuracy: 97.00 % with SWA and updated batch-norm statistics, 96.50 % with ' +
        "plain SGD. SWA's is higher with 1 of 2 seeds: the seeds disagree.",
    ]);
  });

  it('does not say so where they agree', () => {
    const tables = formatSeedTables([
      runOfSeed(1, finalScores(0.97, 0.96, 0.98)),
      runOfSeed(2, finalScores(0.96, 0.95, 0.97)),
    ]);
    expect(tables).toMatch(/higher with 2 of 2 seeds\.$/);
  });
});
