// The plots of the report.
import * as Plot from '@observablehq/plot';
import { drawPlot, LINE_STYLES, titledDots } from '@polyak/example-shared/plots';
import type { Figure, SeriesName } from '@polyak/example-shared/plots';
import type { Score } from '@polyak/example-mnist/run';
import { formatAccuracy, formatLoss } from '@polyak/example-mnist/verdict';
import type { DurationScore, MergeResult } from './run.js';

/** The line of each curve, in the style sheet's words. */
const LINES: Readonly<Record<DurationScore['curve'], SeriesName>> = {
  linear: 'averaged',
  cosine: 'live',
  'minus-sqrt': 'sgd',
};

/** What people read for each line. */
export const SERIES_LABELS: Readonly<Record<SeriesName, string>> = {
  averaged: 'linear, the mean',
  live: 'cosine',
  sgd: 'minus-sqrt',
};

interface Measure {
  readonly title: string;
  readonly label: string;
  readonly value: (score: Score) => number;
  readonly text: (score: Score) => string;
}

/** The plots, in order. */
export function drawFigures(result: MergeResult): readonly Figure[] {
  const accuracy: Measure = {
    title: 'Test accuracy',
    label: 'test accuracy (%)',
    value: (score) => 100 * score.accuracy,
    text: (score) => `${formatAccuracy(score.accuracy)} %`,
  };
  const loss: Measure = {
    title: 'Test loss',
    label: 'test loss (nats)',
    value: (score) => score.loss,
    text: (score) => formatLoss(score.loss),
  };
  return [draw(result, accuracy), draw(result, loss)];
}

function draw(result: MergeResult, { title, label, value, text }: Measure): Figure {
  const { durations, decayed, interval } = result;
  const points = durations.map(({ curve, count, score }) => ({
    curve,
    count,
    value: value(score),
    title: `${curve}, ${count} merged: ${text(score)}`,
  }));
  const x = 'count';
  const y = 'value';
  const lines = Object.entries(LINES).flatMap(([curve, series]) => {
    const own = points.filter((point) => point.curve === curve);
    const stroke = `var(--${series})`;
    return [
      Plot.line(own, { x, y, stroke, ...LINE_STYLES[series] }),
      titledDots(own, { x, y, fill: stroke, title: 'title' }),
    ];
  });
  const reference = [value(decayed)];
  const counts = [...new Set(points.map(({ count }) => count))];
  const svg = drawPlot(`${title} by the number of merged checkpoints`, {
    x: {
      type: 'log',
      label: `merged checkpoints, one every ${interval} steps`,
      ticks: counts,
      tickFormat: 'd',
    },
    y: { label, grid: true, nice: true, ticks: 6, tickFormat: '~f' },
    marks: [Plot.ruleY(reference, { stroke: 'var(--muted)', strokeDasharray: '2 3' }), ...lines],
  });
  return {
    title,
    caption:
      'Batch norm is updated for each merge. Dotted: the run that was trained with a decayed rate.',
    series: Object.values(LINES),
    svg,
  };
}
