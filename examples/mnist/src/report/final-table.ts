// The comparison at the end, as a table for the terminal.
import { styleText } from 'node:util';

import { bestRows, type FinalRow, formatAccuracy, formatLoss } from './verdict.js';

const header = ['weights', 'test accuracy', 'test loss'] as const;

/**
 * The rows in aligned columns, a star at the best value of each.
 *
 * @param isStyled - whether the best values are bold too; plain text otherwise
 */
export function formatFinalTable(rows: readonly FinalRow[], isStyled: boolean): string {
  const best = bestRows(rows);
  const lines = rows.map((row) => [
    { text: row.name, isBest: false },
    { text: `${formatAccuracy(row.accuracy)} %`, isBest: best.accuracy.has(row) },
    { text: formatLoss(row.loss), isBest: best.loss.has(row) },
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.text.length ?? 0)),
  );
  const align = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  const emphasize = (text: string): string => (isStyled ? styleText('bold', text) : text);
  return [
    header.map((title, column) => `${align(title, column)}  `),
    widths.map((width) => `${'-'.repeat(width)}  `),
    ...lines.map((line) =>
      line.map(({ text, isBest }, column) =>
        isBest ? `${emphasize(align(text, column))} *` : `${align(text, column)}  `,
      ),
    ),
  ]
    .map((cells) => cells.join(' ').trimEnd())
    .join('\n');
}
