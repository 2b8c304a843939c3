// Two runs beside each other. A change counts where the quartiles of the two ratios do not overlap:
// then three quarters of the pairs of one run lie on one side of three quarters of the other's.
import { isTooNoisy } from '../measure/spread.js';
import type { Report, Result } from '../result.js';
import type { Column } from './columns.js';
import { alignColumns } from './columns.js';
import { formatQuartiles, formatRatio, formatSize } from './format.js';

const COLUMNS: readonly Column[] = [
  { header: 'work', isText: true },
  { header: 'operation', isText: true },
  { header: 'elements' },
  { header: 'to', isText: true },
  { header: 'old' },
  { header: 'quartiles' },
  { header: 'new' },
  { header: 'quartiles' },
  { header: 'change' },
  { header: '', isText: true },
];

/**
 * The rows that both runs have, old and new, marked where they differ by more than their spread;
 * then what only one of them has.
 *
 * @param before - the run to compare with
 * @param after - this run
 * @returns a table and up to two lines
 */
export function formatComparison(before: Report, after: Report): string {
  const old = new Map(before.results.map((result) => [keyOf(result), result]));
  const present = new Set(after.results.map(keyOf));
  const rows = after.results.flatMap((result) => {
    const base = old.get(keyOf(result));
    return base === undefined ? [] : [cells(base, result)];
  });
  const added = after.results.filter((result) => !old.has(keyOf(result)));
  const missing = before.results.filter((result) => !present.has(keyOf(result)));
  return [
    alignColumns(COLUMNS, rows),
    ...(added.length === 0 ? [] : [`Only in this run: ${listed(added)}`]),
    ...(missing.length === 0 ? [] : [`Only in the base: ${listed(missing)}`]),
  ].join('\n');
}

const MOST_LISTED = 5;

function listed(results: readonly Result[]): string {
  const rest = results.length - MOST_LISTED;
  const names = results.slice(0, MOST_LISTED).map(keyOf);
  return [...names, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

function keyOf({ row }: Result): string {
  return `${row.work}, ${row.name}, ${formatSize(row)}, to ${row.against}`;
}

function cells({ timing: old }: Result, { row, timing }: Result): readonly string[] {
  const isNumber = !isTooNoisy(old) && !isTooNoisy(timing);
  const change = Math.round(100 * (timing.ratio / old.ratio - 1));
  return [
    row.work,
    row.name,
    formatSize(row),
    row.against,
    formatRatio(old),
    formatQuartiles(old),
    formatRatio(timing),
    formatQuartiles(timing),
    isNumber ? `${change > 0 ? '+' : ''}${change} %` : '',
    isNumber ? verdict(old.quartiles, timing.quartiles) : '',
  ];
}

function verdict(old: readonly [number, number], current: readonly [number, number]): string {
  if (current[0] > old[1]) return 'slower';
  return current[1] < old[0] ? 'faster' : '';
}
