// A measure over budgets: a line for each seed of each method.
import * as Plot from '@observablehq/plot';
import { mean } from '@polyak/example-shared/statistics';

import { listOf, type Block } from '../blocks.js';
import { linesOf } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { formatValue, metricOf } from '../tables/metrics.js';
import { colorOf } from './frame.js';
import type { Picture } from './picture.js';

/** The picture of a block: its option `methods` says which, the baseline first. */
export function drawBudgets(block: Block, lines: readonly MethodLine[]): Picture {
  const [key = ''] = listOf(block, 'metric');
  const metric = metricOf(key);
  const methods = listOf(block, 'methods');
  const points = linesOf(block, lines).flatMap(({ method, budget, seed, measures }) => {
    const value = measures.get(key);
    const color = colorOf(methods.indexOf(method));
    return value === undefined ? [] : [{ method, budget, color, value, z: `${method} ${seed}` }];
  });
  const means = methods.flatMap((method) =>
    budgetsOf(points).flatMap((budget) => {
      const own = points.filter((point) => point.method === method && point.budget === budget);
      const color = colorOf(methods.indexOf(method));
      return own.length === 0
        ? []
        : [{ method, budget, color, value: mean(own.map(({ value }) => value)) }];
    }),
  );
  const budgets = budgetsOf(points);
  return {
    name: `${block.subject}-budgets-${key}`,
    alt:
      `${metric.label} over budgets. Means: ` +
      means
        .map(({ method, budget, value }) => `${method} at ${budget} ${formatValue(value, metric)}`)
        .join(', '),
    card: {
      title: 'Over budgets: a thin line for each seed, a thick one for the mean',
      legend: methods.map((label, index) => ({ label, color: colorOf(index) })),
      plots: [
        {
          height: 360,
          marginLeft: 52,
          marginTop: 24,
          marginRight: 20,
          marginBottom: 44,
          x: { label: 'budget', ticks: budgets, tickFormat: 'd' },
          y: { label: metric.label, grid: true, nice: true, ticks: 6 },
          marks: [
            Plot.line(points, { x: 'budget', y: 'value', z: 'z', stroke: 'color', opacity: 0.45 }),
            Plot.dot(points, { x: 'budget', y: 'value', fill: 'color', opacity: 0.6, r: 3 }),
            Plot.line(means, {
              x: 'budget',
              y: 'value',
              z: 'method',
              stroke: 'color',
              strokeWidth: 3,
            }),
          ],
        },
      ],
    },
  };
}

function budgetsOf(points: readonly { readonly budget: number }[]): readonly number[] {
  return [...new Set(points.map(({ budget }) => budget))].toSorted((one, other) => one - other);
}
