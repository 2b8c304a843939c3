// The comparison at the end: each method's intersection over union with each seed.
import type { MethodLine } from './methods.js';

/** A method with its scores. */
export interface Row {
  readonly method: string;
  readonly name: string;
  /** By seed, in the order of the table. */
  readonly ious: readonly number[];
}

/** All methods compared. */
export interface Table {
  readonly seeds: readonly number[];
  readonly rows: readonly Row[];
}

/** The lines as a table, in the order in which the methods are told. */
export function tableOf(lines: readonly MethodLine[]): Table {
  const seeds = [...new Set(lines.map(({ seed }) => seed))].toSorted((a, b) => a - b);
  const methods = [...new Set(lines.map(({ method }) => method))];
  const snapshots = methods
    .filter((method) => method.startsWith('snapshot-'))
    .toSorted((a, b) => cycleOf(a) - cycleOf(b));
  const members = snapshots.length + 1;
  const names: readonly (readonly [string, string])[] = [
    ...snapshots.map((method) => [method, `snapshot of cycle ${cycleOf(method)}`] as const),
    ['last', 'last iterate, the last snapshot'],
    ['ensemble', `ensemble of the ${members} snapshots`],
    ['average', 'average of their weights, old batch norm'],
    ['average-bn-update', 'average of their weights, batch norm updated'],
  ];
  return {
    seeds,
    rows: names.map(([method, name]) => ({
      method,
      name,
      ious: seeds.map(
        (seed) => lines.find((line) => line.seed === seed && line.method === method)?.iou ?? NaN,
      ),
    })),
  };
}

function cycleOf(method: string): number {
  return Number(method.replace('snapshot-', ''));
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

/** An intersection over union as tables show it. */
export function formatIou(iou: number): string {
  return iou.toFixed(4);
}

/** A row's cells: the score with each seed, then, of several, mean and standard deviation. */
export function cellsOf({ name, ious }: Row): readonly string[] {
  const summary = [mean(ious), deviation(ious)].map(formatIou).join(' ± ');
  return [name, ...ious.map(formatIou), ...(ious.length > 1 ? [summary] : [])];
}

/** The head of the table. */
export function headOf({ seeds }: Table): readonly string[] {
  return [
    'intersection over union',
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
