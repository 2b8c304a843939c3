// A measure over budgets: a line for each seed of each method.
import { listOf, type Block } from '../blocks.js';
import { linesOverBudgets } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { metricOf } from '../tables/metrics.js';
import { drawCurves } from './curves.js';
import { colorOf } from './frame.js';
import type { Picture } from './picture.js';

/** The picture of a block: its option `methods` says which, the baseline first. */
export function drawBudgets(block: Block, lines: readonly MethodLine[]): Picture {
  const [key = ''] = listOf(block, 'metric');
  const { label } = metricOf(key);
  const methods = listOf(block, 'methods');
  const points = linesOverBudgets(block, lines).flatMap(({ method, budget, seed, measures }) => {
    const value = measures.get(key);
    return value === undefined ? [] : [{ method, run: `seed ${seed}`, x: budget, y: value }];
  });
  return {
    name: `${block.subject}-budgets-${key}`,
    alt: `${label} of ${methods.join(', ')} over budgets: the table above, with each seed`,
    card: {
      title: 'Over budgets: a thin line for each seed, a thick one for the mean',
      legend: methods.map((method, index) => ({ label: method, color: colorOf(index) })),
      plots: [
        {
          height: 360,
          marginTop: 24,
          marginLeft: 52,
          marginRight: 20,
          marginBottom: 44,
          x: { label: 'budget', ticks: [...new Set(points.map(({ x }) => x))], tickFormat: 'd' },
          y: { label, grid: true, nice: true, ticks: 6 },
          marks: drawCurves(points, methods),
        },
      ],
    },
  };
}
