// Results for the tests of the reports.
import type { Report, Result } from '../src/result.js';
import type { RowLabel } from '../src/row.js';

/** A result of 31 pairs with quartiles 2 % around the ratio. */
export function result(row: Partial<RowLabel>, ratio: number, spread = 0.02): Result {
  return {
    runtime: 'cpu',
    row: {
      work: 'update',
      name: 'cpu, SWA.updateSwa',
      tensors: 1,
      elements: 1000,
      against: 'set()',
      ...row,
    },
    timing: {
      ratio,
      quartiles: [ratio * (1 - spread), ratio * (1 + spread)],
      pairs: 31,
      nanoseconds: 500,
    },
  };
}

/** A run of some results. */
export function report(results: readonly Result[]): Report {
  return {
    machine: {
      cpu: 'a <CPU>',
      cores: 2,
      memory: 8,
      system: 'linux x64',
      versions: { node: '20.19.0' },
      date: '2026-11-27T00:00Z',
    },
    results,
    skipped: [],
    costs: [],
  };
}
