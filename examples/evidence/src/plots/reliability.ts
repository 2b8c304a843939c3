// How far confidence is from accuracy, by confidence.
import * as Plot from '@observablehq/plot';

import { listOf, optionOf, type Block } from '../blocks.js';
import { linesOf } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { drawCurves } from './curves.js';
import { colorOf, THEME } from './frame.js';
import type { Picture } from './picture.js';

/** The equal bins of confidence from 0 to 1. */
const BINS = 15;

/** The picture of a block: its option `methods` says which, the baseline first. */
export function drawReliability(block: Block, lines: readonly MethodLine[]): Picture {
  const budget = optionOf(block, 'budget');
  const methods = listOf(block, 'methods');
  const points = linesOf(block, lines)
    .filter((line) => line.budget === Number(budget))
    .flatMap(({ method, seed, bins }) =>
      bins.map(({ confidence, accuracy }) => ({
        method,
        run: `seed ${seed}`,
        // The middle of the bin, where runs can be averaged.
        x: (Math.ceil(confidence * BINS) - 0.5) / BINS,
        y: confidence - accuracy,
      })),
    );
  return {
    name: `${block.subject}-${budget}-reliability`,
    alt: `Confidence minus accuracy by confidence for ${methods.join(', ')}; 0 is calibrated`,
    card: {
      title: 'Reliability: a thin line for each seed, a thick one for the mean',
      legend: methods.map((label, index) => ({ label, color: colorOf(index) })),
      plots: [
        {
          height: 340,
          marginTop: 24,
          marginLeft: 52,
          marginRight: 20,
          marginBottom: 44,
          x: { label: 'confidence of the prediction' },
          y: { label: 'confidence − accuracy: above 0 is overconfident', grid: true, nice: true },
          marks: [Plot.ruleY([0], { stroke: THEME.muted }), ...drawCurves(points, methods)],
        },
      ],
    },
  };
}
