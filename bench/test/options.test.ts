import { describe, expect, it } from 'vitest';
import { parseOptions, selectRows } from '../src/options.js';
import type { Row } from '../src/row.js';

const KNOWN = ['cpu', 'tfjs'];

describe('parseOptions', () => {
  it('selects all runtimes and all work unless told otherwise', () => {
    const { runtimes, works, isGated } = parseOptions([], KNOWN);
    expect({ runtimes, works, isGated }).toEqual({
      runtimes: KNOWN,
      works: undefined,
      isGated: false,
    });
  });

  it('splits lists at commas', () => {
    const { runtimes, works } = parseOptions(['--runtime', 'tfjs', '--work', 'update,swap'], KNOWN);
    expect([runtimes, works]).toEqual([['tfjs'], ['update', 'swap']]);
  });

  it('names the runtimes that there are where one is unknown', () => {
    expect(() => parseOptions(['--runtime', 'cpu,abacus'], KNOWN)).toThrow(
      '--runtime: there are no rows of abacus. Choose from cpu, tfjs.',
    );
  });
});

describe('selectRows', () => {
  const row = (work: string, gate?: number): Row => ({
    work,
    name: work,
    tensors: 1,
    elements: 1,
    against: 'set()',
    ...(gate !== undefined && { gate }),
    prepare: () => ({ variant: () => 0, reference: () => 0 }),
  });
  const rows = [row('update', 2), row('update'), row('swap', 2), row('save')];

  it('keeps rows of the chosen work', () => {
    expect(selectRows(rows, { works: ['swap', 'save'], isGated: false })).toEqual(rows.slice(2));
  });

  it('keeps rows with a gate for --gate', () => {
    expect(selectRows(rows, { isGated: true })).toEqual([rows[0], rows[2]]);
  });
});
