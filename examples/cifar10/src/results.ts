// The comparison at the end: each model's accuracy with each seed, their mean and standard
// deviation.
import { formatAccuracy, formatPart } from './progress.js';
import type { Score } from './trainer.js';
import type { SeedRun } from './run-seed.js';

/** A model compared, with its last scores. */
export interface Row {
  readonly name: string;
  /** By seed, in the order of the runs. */
  readonly scores: readonly Score[];
}

/** All models compared, and the seeds that trained them. */
export interface Table {
  readonly seeds: readonly number[];
  readonly rows: readonly Row[];
}

/** The last scores of some runs with the same endings. */
export function tableOf(runs: readonly SeedRun[]): Table {
  const columns = runs.map(lastScores);
  const names = [...new Set(columns.flatMap((column) => [...column.keys()]))];
  return {
    seeds: runs.map(({ seed }) => seed),
    rows: names.map((name) => ({
      name,
      scores: columns.flatMap((column) => column.get(name) ?? []),
    })),
  };
}

function lastScores({ endings }: SeedRun): ReadonlyMap<string, Score> {
  const scores = new Map<string, Score>();
  for (const { ending, lines } of endings) {
    const last = lines.at(-1);
    const isAveraged = ending.averages.length > 0;
    const name = isAveraged ? `SWA to ${ending.finalRate}` : 'SGD';
    if (last?.live) scores.set(isAveraged ? `${name}, last iterate` : name, last.live);
    for (const { from, oldStatistics, updatedStatistics } of last?.averages ?? []) {
      scores.set(`${name}, averaged from ${formatPart(from)}, old batch norm`, oldStatistics);
      scores.set(
        `${name}, averaged from ${formatPart(from)}, batch norm updated`,
        updatedStatistics,
      );
    }
  }
  return scores;
}

/** The mean of some values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The sample standard deviation: with n - 1. */
export function deviation(values: readonly number[]): number {
  const center = mean(values);
  return Math.sqrt(
    values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1),
  );
}

/**
 * A row's cells: the accuracy with each seed, then, of several, their mean and standard deviation.
 */
export function cellsOf({ name, scores }: Row): readonly string[] {
  const accuracies = scores.map(({ accuracy }) => accuracy);
  const summary = [mean(accuracies), deviation(accuracies)].map(formatAccuracy).join(' ± ');
  return [name, ...accuracies.map(formatAccuracy), ...(scores.length > 1 ? [summary] : [])];
}

/** The head of the table. */
export function headOf({ seeds }: Table): readonly string[] {
  return [
    'accuracy in %',
    ...seeds.map((seed) => `seed ${seed}`),
    ...(seeds.length > 1 ? ['mean ± sd'] : []),
  ];
}

/** The table in Markdown. */
export function formatTable(table: Table): string {
  const head = headOf(table);
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...table.rows.map(cellsOf)]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
