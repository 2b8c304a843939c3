// All methods of an experiment at one budget: a dot for each seed, and a bar for the mean.
import * as Plot from '@observablehq/plot';
import { mean } from '@polyak/example-shared/statistics';

import { listOf, optionOf, type Block } from '../blocks.js';
import { methodsOf, valuesOf } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { formatValue, metricOf } from '../tables/metrics.js';
import { colorOf, THEME } from './frame.js';
import type { Picture } from './picture.js';

/** The picture of a block. Its option `from` ends the axis; what lies below is named there. */
export function drawDots(block: Block, lines: readonly MethodLine[]): Picture {
  const [key = ''] = listOf(block, 'metric');
  const metric = metricOf(key);
  const baseline = optionOf(block, 'baseline');
  const budget = optionOf(block, 'budget');
  const rows = methodsOf(block, lines, metric).flatMap(({ method, lines: its }) => {
    const values = [...valuesOf(its, metric).values()];
    const color = colorOf(method === baseline ? 0 : 1);
    return values.length === 0 ? [] : [{ method, color, values, mean: mean(values) }];
  });
  const dots = rows.flatMap(({ method, color, values }) =>
    values.map((value) => ({ method, color, value })),
  );
  const all = dots.map(({ value }) => value);
  const from = Number(block.options.get('from') ?? Math.min(...all));
  const below = rows.flatMap(({ method, color, values }) => {
    const low = values.filter((value) => value < from).map((value) => formatValue(value, metric));
    return low.length === 0 ? [] : [{ method, color, text: `◀ ${low.join(', ')}` }];
  });
  const means = rows.filter(({ mean: center }) => center >= from);
  return {
    name: `${block.subject}-${budget}-${key}`,
    alt:
      `Methods by ${metric.label}, a dot for each seed. Means: ` +
      rows.map((row) => `${row.method} ${formatValue(row.mean, metric)}`).join(', '),
    card: {
      title: `Each method with each seed, budget ${budget}`,
      legend: [
        { label: `baseline: ${baseline}`, color: colorOf(0) },
        { label: 'a dot for each seed, a bar for the mean', color: colorOf(1) },
      ],
      plots: [
        {
          height: 60 + 26 * rows.length,
          marginLeft: 16 + 7.6 * Math.max(...rows.map(({ method }) => method.length)),
          marginTop: 4,
          marginRight: 20,
          marginBottom: 44,
          x: { label: metric.label, grid: true, nice: true, domain: [from, Math.max(...all)] },
          y: { label: null, domain: rows.map(({ method }) => method), tickSize: 0 },
          marks: [
            Plot.ruleY(rows, { y: 'method', stroke: THEME.edge }),
            Plot.ruleX(
              means.filter(({ method }) => method === baseline),
              { x: 'mean', stroke: colorOf(0), strokeDasharray: '4 4' },
            ),
            Plot.dot(
              dots.filter(({ value }) => value >= from),
              { x: 'value', y: 'method', fill: 'color', fillOpacity: 0.6, r: 4.5 },
            ),
            Plot.tickX(means, { x: 'mean', y: 'method', stroke: 'color', strokeWidth: 3 }),
            Plot.text(below, {
              y: 'method',
              text: 'text',
              fill: 'color',
              frameAnchor: 'left',
              textAnchor: 'start',
              dx: 4,
            }),
          ],
        },
      ],
    },
  };
}
