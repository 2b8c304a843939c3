// How wide the optima are: loss and error along random directions from the weights.
import * as Plot from '@observablehq/plot';

import { listOf, optionOf, type Block } from '../blocks.js';
import { linesOf } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { drawCurves, type Point } from './curves.js';
import { colorOf, THEME } from './frame.js';
import type { Picture } from './picture.js';

const MEASURES = [
  { key: 'trainLoss', label: 'training loss in nats' },
  { key: 'testError', label: 'test error in %' },
];

/** The picture of a block: its option `methods` says which, the baseline first. */
export function drawFlatness(block: Block, lines: readonly MethodLine[]): Picture {
  const budget = optionOf(block, 'budget');
  const methods = listOf(block, 'methods');
  const own = linesOf(block, lines).filter((line) => line.budget === Number(budget));
  return {
    name: `${block.subject}-${budget}-flatness`,
    alt:
      `Training loss and test error by the distance from the weights of ${methods.join(', ')}, ` +
      'along random directions',
    card: {
      title: 'Mean of random directions: a thin line for each seed, thick for all',
      legend: methods.map((label, index) => ({ label, color: colorOf(index) })),
      plots: MEASURES.map(({ key, label }) => ({
        height: 320,
        marginTop: 24,
        marginLeft: 48,
        marginRight: 16,
        marginBottom: 44,
        x: { label: 'distance from the weights', ticks: 5 },
        y: { label, grid: true, nice: true, ticks: 6 },
        marks: [
          Plot.ruleX([0], { stroke: THEME.edge }),
          ...drawCurves(pointsOf(own, key), methods),
        ],
      })),
    },
  };
}

function pointsOf(lines: readonly MethodLine[], key: string): readonly Point[] {
  return lines.flatMap(({ method, seed, measures }) => {
    const [x, y] = ['distance', key].map((name) => measures.get(name));
    return x === undefined || y === undefined ? [] : [{ method, run: `seed ${seed}`, x, y }];
  });
}
