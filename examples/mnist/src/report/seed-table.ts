// The same comparison over several seeds, as Markdown.
import type { RunResult } from '../run.js';
import { finalRows, formatAccuracy, formatLoss } from './verdict.js';

/** A table of accuracies and one of losses, with every seed and the mean, and what they say. */
export function formatSeedTables(results: readonly RunResult[]): string {
  return [
    'Test accuracy (%):',
    formatTable(results, 'accuracy', formatAccuracy),
    'Test loss (nats):',
    formatTable(results, 'loss', formatLoss),
    verdict(results),
  ].join('\n\n');
}

/** No win is claimed where the seeds disagree. */
function verdict(results: readonly RunResult[]): string {
  const mean = (of: 'sgd' | 'swaUpdatedStatistics'): string =>
    formatAccuracy(
      results.reduce((sum, { final }) => sum + final[of].accuracy, 0) / results.length,
    );
  const higher = results.filter(
    ({ final }) => final.swaUpdatedStatistics.accuracy > final.sgd.accuracy,
  ).length;
  const isUnanimous = higher === 0 || higher === results.length;
  return (
    `Mean test accuracy: ${mean('swaUpdatedStatistics')} % with SWA and updated batch-norm ` +
    `statistics, ${mean('sgd')} % with plain SGD. SWA's is higher with ${higher} of ` +
    `${results.length} seeds${isUnanimous ? '' : ': the seeds disagree'}.`
  );
}

function formatTable(
  results: readonly RunResult[],
  measure: 'accuracy' | 'loss',
  format: (value: number) => string,
): string {
  const columns = results.map(({ final }) =>
    finalRows(final).map((row) => ({ name: row.name, value: row[measure] })),
  );
  const rows = (columns[0] ?? []).map(({ name }, row) => {
    const values = columns.map((column) => column[row]?.value ?? Number.NaN);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [name, ...values.map(format), `**${format(mean)}**`];
  });
  const header = ['weights', ...results.map(({ options }) => `seed ${options.seed}`), 'mean'];
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
