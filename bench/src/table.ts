// The table, as text: one line a row, so that two runs can be compared by diff.
import type { PairedTiming } from './paired.js';
import type { Row } from './row.js';

/** A row with what it took. */
export interface Measured {
  readonly row: Row;
  readonly timing: PairedTiming;
}

const HEADER = ['operation', 'elements', 'ratio', 'to', 'quartiles', 'ns/element', 'GB/s'];

/**
 * Lines up the results.
 *
 * @param results - in the order of the table
 * @returns the table, with a header
 */
export function formatTable(results: readonly Measured[]): string {
  const lines = [HEADER, ...results.map(cells)];
  const widths = HEADER.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const format = (line: readonly string[]): string =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  const rule = widths.map((width) => '-'.repeat(width));
  return [HEADER, rule, ...lines.slice(1)].map(format).join('\n');
}

function cells({ row, timing }: Measured): readonly string[] {
  const perElement = timing.nanoseconds / row.elements;
  return [
    row.name,
    `${row.elements / 1e6}M`,
    timing.ratio.toFixed(2),
    row.against,
    timing.quartiles.map((quartile) => quartile.toFixed(2)).join('-'),
    perElement.toFixed(3),
    (row.bytesPerElement / perElement).toFixed(1),
  ];
}
