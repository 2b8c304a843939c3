// The table of one experiment at one budget: each method, and its difference to a baseline.
import { deviation, marginFactor, mean, pairedDifference } from '@polyak/example-shared/statistics';
import type { Difference } from '@polyak/example-shared/statistics';

import { listOf, optionOf, type Block } from '../blocks.js';
import { methodsOf, seedsOf, valuesOf, type BySeed, type Measured } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { formatSigned, formatValue, isBetter, metricOf, type Metric } from './metrics.js';

/** One column: its head, and its cell for each method. */
interface Column {
  readonly head: string;
  readonly cellOf: (measured: Measured) => string;
}

const BUDGET: Column = { head: 'budget', cellOf: ({ lines }) => String(lines[0]?.budget) };

/** The table in Markdown, with a note on its intervals. */
export function renderTable(block: Block, lines: readonly MethodLine[]): string {
  const metrics = listOf(block, 'metric').map(metricOf);
  const [first] = metrics;
  if (first === undefined) return '';
  const methods = methodsOf(block, lines, first);
  const baseline = optionOf(block, 'baseline');
  const baseLines = methods.find(({ method }) => method === baseline)?.lines ?? [];
  const seeds = seedsOf(methods.flatMap(({ lines: its }) => its));
  const columns: readonly Column[] = [
    { head: 'method', cellOf: ({ method }) => `\`${method}\`` },
    ...(listOf(block, 'budget').length > 1 ? [BUDGET] : []),
    ...(metrics.length === 1 ? seedColumns(first, seeds) : countColumns(methods)),
    ...metrics.flatMap((metric) => metricColumns(metric, { baseline, baseLines })),
  ];
  const counts = methods
    .filter(({ method }) => method !== baseline)
    .flatMap(({ lines: its }) =>
      metrics
        .filter(({ better }) => better !== 'cost')
        .map((metric) => pairedDifference(valuesOf(its, metric), valuesOf(baseLines, metric))),
    )
    .flatMap((difference) => (difference === undefined ? [] : [difference.pairs.length]));
  return [
    formatTable([
      columns.map(({ head }) => head),
      ...methods.map((measured) => columns.map(({ cellOf }) => cellOf(measured))),
    ]),
    noteOnIntervals(counts),
  ]
    .join('\n\n')
    .trim();
}

/** Rows of cells, the head first, as Markdown; only the first column is text. */
export function formatTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The mean of values, and their standard deviation where there is one. */
export function formatMean(values: BySeed, metric: Metric): string {
  const all = [...values.values()];
  if (all.length === 0) return '';
  const sd = metric.better === 'cost' ? undefined : deviation(all);
  const center = formatValue(mean(all), metric);
  return sd === undefined ? center : `${center} ± ${formatValue(sd, metric)}`;
}

/** A difference with its interval; bold where it is for the better and excludes 0. */
export function formatDifference(difference: Difference | undefined, metric: Metric): string {
  if (difference === undefined) return '';
  const { mean: center, margin } = difference;
  const text = formatSigned(center, metric);
  if (margin === undefined) return text;
  const [low, high] = [center - margin, center + margin].map((end) => formatSigned(end, metric));
  const isSure = Math.abs(center) > margin && isBetter(center, metric);
  return `${isSure ? `**${text}**` : text} [${low}, ${high}]`;
}

/** What a reader must know of the differences over so many seeds. */
export function noteOnIntervals(counts: readonly number[]): string {
  const several = counts.filter((count) => count > 1);
  const few = [...new Set(several)].filter((count) => count <= 3).toSorted((a, b) => a - b);
  return [
    ...(several.length === 0
      ? []
      : [
          'Brackets hold the 95 % t-interval of the difference, paired over seeds. ' +
            'Bold: better, and the interval excludes 0.',
        ]),
    ...few.map(
      (count) =>
        `With ${count} seeds the interval is wide: ${marginFactor(count).toFixed(1)} standard ` +
        'deviations of the differences each way.',
    ),
    ...(several.length === counts.length ? [] : ['One seed has no interval.']),
  ].join(' ');
}

function seedColumns(metric: Metric, seeds: readonly number[]): readonly Column[] {
  return seeds.map((seed) => ({
    head: `seed ${seed}`,
    cellOf: ({ lines }) => {
      const value = valuesOf(lines, metric).get(seed);
      return value === undefined ? '' : formatValue(value, metric);
    },
  }));
}

/** The number of seeds, where methods differ in it. */
function countColumns(methods: readonly Measured[]): readonly Column[] {
  const counts = new Set(methods.map(({ lines }) => lines.length));
  return counts.size < 2 ? [] : [{ head: 'seeds', cellOf: ({ lines }) => String(lines.length) }];
}

function metricColumns(
  metric: Metric,
  { baseline, baseLines }: { readonly baseline: string; readonly baseLines: readonly MethodLine[] },
): readonly Column[] {
  const baseValues = valuesOf(baseLines, metric);
  const value: Column = {
    head: metric.label,
    cellOf: ({ lines }) => formatMean(valuesOf(lines, metric), metric),
  };
  if (metric.better === 'cost') return [value];
  return [
    value,
    {
      head: `difference to \`${baseline}\``,
      cellOf: ({ method, lines }) =>
        method === baseline
          ? ''
          : formatDifference(pairedDifference(valuesOf(lines, metric), baseValues), metric),
    },
  ];
}
