// The comparison as a table for the terminal.
import { formatAccuracy, formatLoss } from '@polyak/example-mnist/verdict';
import type { Row } from './result.js';

/** The heads of the columns. */
export const HEADS = ['weights', 'images', 'ready after', 'test accuracy', 'test loss'] as const;

/** The cells of a row, as people read them. */
export function cellsOf({ name, samples, seconds, accuracy, loss }: Row): readonly string[] {
  return [
    name,
    samples.toLocaleString('en'),
    `${seconds.toFixed(1)} s`,
    `${formatAccuracy(accuracy)} %`,
    formatLoss(loss),
  ];
}

/** The rows in aligned columns. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [HEADS, ...rows.map(cellsOf)];
  const widths = HEADS.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const text = lines.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))),
  );
  text.splice(
    1,
    0,
    widths.map((width) => '-'.repeat(width)),
  );
  return text.map((cells) => cells.join('  ').trimEnd()).join('\n');
}
