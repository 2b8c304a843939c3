// What `--gate` fails for.
import type { Result } from '../result.js';
import { formatQuartiles, formatSize } from './format.js';

/**
 * The rows that took more than their gate in every try.
 *
 * @param results - the last try of each
 * @returns one line a row
 */
export function gateFailures(results: readonly Result[]): readonly string[] {
  return results.flatMap(({ row, timing }) =>
    row.gate !== undefined && timing.ratio > row.gate
      ? [
          `${row.work}, ${row.name}, ${formatSize(row)}: ${timing.ratio.toFixed(2)} ` +
            `(quartiles ${formatQuartiles(timing)}) of ${row.against}, more than its gate of ` +
            `${row.gate}.`,
        ]
      : [],
  );
}
