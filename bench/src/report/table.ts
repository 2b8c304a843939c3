// The table of one run as text, one line a row.
import type { Result } from '../result.js';
import type { Column } from './columns.js';
import { alignColumns } from './columns.js';
import { formatQuartiles, formatRatio, formatSize, nanosecondsPerElement } from './format.js';

const COLUMNS: readonly Column[] = [
  { header: 'work', isText: true },
  { header: 'operation', isText: true },
  { header: 'elements' },
  { header: 'ratio' },
  { header: 'to', isText: true },
  { header: 'quartiles' },
  { header: 'pairs' },
  { header: 'target' },
  { header: 'ns/element' },
  { header: 'GB/s' },
];

/**
 * The results as text.
 *
 * @param results - in the order of the table
 * @returns the table, with a header
 */
export function formatTable(results: readonly Result[]): string {
  return alignColumns(COLUMNS, results.map(cells));
}

function cells(result: Result): readonly string[] {
  const { row, timing } = result;
  const { work, name, against, target, bytesPerElement } = row;
  const perElement = nanosecondsPerElement(result);
  return [
    work,
    name,
    formatSize(row),
    formatRatio(timing),
    against,
    formatQuartiles(timing),
    `${timing.pairs}`,
    target === undefined ? '' : `${target}`,
    perElement?.toFixed(3) ?? '',
    perElement === undefined || bytesPerElement === undefined
      ? ''
      : (bytesPerElement / perElement).toFixed(1),
  ];
}
