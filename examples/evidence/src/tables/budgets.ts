// A measure over budgets: what methods differ from a baseline by at each.
import { pairedDifference } from '@polyak/example-shared/statistics';

import { listOf, type Block } from '../blocks.js';
import { linesOverBudgets, valuesOf } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { metricOf } from './metrics.js';
import { formatDifference, formatMean, formatTable, noteOnIntervals } from './table.js';

/** The table in Markdown; the first of the block's `methods` is the baseline. */
export function renderBudgets(block: Block, lines: readonly MethodLine[]): string {
  const [key = ''] = listOf(block, 'metric');
  const metric = metricOf(key);
  const [baseline = '', ...others] = listOf(block, 'methods');
  const own = linesOverBudgets(block, lines);
  const budgets = [...new Set(own.map(({ budget }) => budget))].toSorted((one, two) => one - two);
  const counts: number[] = [];
  const rows = budgets.map((budget) => {
    const valuesBy = (name: string): ReadonlyMap<number, number> =>
      valuesOf(
        own.filter((line) => line.method === name && line.budget === budget),
        metric,
      );
    const base = valuesBy(baseline);
    const cells = others.flatMap((method) => {
      const values = valuesBy(method);
      const difference = pairedDifference(values, base);
      if (difference !== undefined) counts.push(difference.pairs.length);
      return [formatMean(values, metric), formatDifference(difference, metric)];
    });
    return [String(budget), String(base.size), formatMean(base, metric), ...cells];
  });
  const head = [
    'budget',
    'seeds',
    `\`${baseline}\``,
    ...others.flatMap((method) => [`\`${method}\``, 'difference']),
  ];
  return [formatTable([head, ...rows]), noteOnIntervals(counts)].join('\n\n').trim();
}
