// The report's plots: what each shows, and its drawing.
import * as Plot from '@observablehq/plot';
import {
  averagingStart,
  drawPlot,
  LINE_STYLES,
  SERIES,
  titledDots,
  wholeTicks,
} from '@polyak/example-shared/plots';
import type { Figure, SeriesName } from '@polyak/example-shared/plots';

import type { RunResult, Score, TrainingRun } from '../run.js';

interface Point {
  readonly series: SeriesName;
  readonly epoch: number;
  readonly value: number;
}

interface Axis {
  /** With the unit. */
  readonly label: string;
  readonly domain: readonly [number, number];
  readonly type?: 'log';
}

interface Drawing {
  readonly title: string;
  readonly caption: string;
  readonly axis: Axis;
  /** Whether values hold until the next point, instead of moving towards it. */
  readonly isStepwise?: boolean;
  /**
   * Where there is room for words once averaging has started: at the top, unless said otherwise.
   */
  readonly roomAt?: 'bottom';
}

/** What people read for each series. */
export const seriesLabels: Readonly<Record<SeriesName, string>> = {
  sgd: 'plain SGD',
  live: 'SWA, live weights',
  averaged: 'SWA, averaged weights',
};

/** The plots of the report, in order. */
export function drawFigures(result: RunResult): readonly Figure[] {
  return [drawAccuracy(result), drawLoss(result), drawLearningRates(result), drawDistance(result)];
}

function drawAccuracy(result: RunResult): Figure {
  const points = scorePoints(result, (score) => 100 * score.accuracy);
  // Differences at the end are what counts, so the steep start may lie below the plot.
  const settled = points.filter((point) => point.epoch >= Math.min(1, result.options.epochs / 2));
  const [least, most] = extent(settled);
  const domain = [
    Math.floor(2 * least) / 2,
    Math.min(100, Math.ceil(2 * (most + 0.1)) / 2),
  ] as const;
  const isCut = points.some((point) => point.value < domain[0]);
  return draw(result, points, {
    title: 'Test accuracy',
    caption:
      'Averaged weights are tested with batch-norm statistics updated for them.' +
      (isCut ? ' The first measurements lie below the plot.' : ''),
    axis: { label: 'test accuracy (%)', domain },
    roomAt: 'bottom',
  });
}

function drawLoss(result: RunResult): Figure {
  const points = scorePoints(result, (score) => score.loss);
  const [least, most] = extent(points);
  const domain = [least / 1.1, most * 1.1] as const;
  return draw(result, points, {
    title: 'Test loss',
    caption: 'Mean cross-entropy on the test images, on a logarithmic scale: lower is better.',
    axis: { label: 'test loss (nats)', domain, type: 'log' },
  });
}

function drawLearningRates(result: RunResult): Figure {
  const { stepsPerEpoch } = result.settings;
  // The last rate once more, so that the line reaches the end of its step.
  const ratePoints = (run: TrainingRun, series: SeriesName): Point[] =>
    [...run.learningRates, ...run.learningRates.slice(-1)].map((value, step) => ({
      series,
      epoch: step / stepsPerEpoch,
      value,
    }));
  const points = [...ratePoints(result.sgd, 'sgd'), ...ratePoints(result.swa, 'live')];
  return draw(result, points, {
    title: 'Learning rate',
    caption: 'A high rate keeps SWA moving between good weights, which the average then unites.',
    axis: { label: 'learning rate', domain: [0, 1.15 * extent(points)[1]] },
    isStepwise: true,
  });
}

function drawDistance(result: RunResult): Figure {
  const points = result.swa.measurements.flatMap(({ epoch, averaged }): Point[] =>
    averaged ? [{ series: 'averaged', epoch, value: 100 * averaged.distance }] : [],
  );
  return draw(result, points, {
    title: 'Distance between live and averaged weights',
    caption: '‖averaged − live‖₂ / ‖live‖₂, over all trained parameters of the SWA run together.',
    axis: { label: 'relative distance (%)', domain: [0, 1.15 * extent(points)[1]] },
  });
}

function scorePoints(result: RunResult, value: (score: Score) => number): readonly Point[] {
  const livePoints = (run: TrainingRun, series: SeriesName): Point[] =>
    run.measurements.map(({ epoch, live }) => ({ series, epoch, value: value(live) }));
  const averagedPoints = result.swa.measurements.flatMap(({ epoch, averaged }): Point[] =>
    averaged ? [{ series: 'averaged', epoch, value: value(averaged.score) }] : [],
  );
  return [...livePoints(result.sgd, 'sgd'), ...livePoints(result.swa, 'live'), ...averagedPoints];
}

function extent(points: readonly Point[]): readonly [number, number] {
  const values = points.map((point) => point.value).filter(Number.isFinite);
  return values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
}

function draw(
  result: RunResult,
  points: readonly Point[],
  { title, caption, axis, isStepwise, roomAt }: Drawing,
): Figure {
  const series = SERIES.filter((name) => points.some((point) => point.series === name));
  const lines = series.map((name) => {
    const options = {
      x: 'epoch',
      y: 'value',
      stroke: `var(--${name})`,
      clip: true,
      ...LINE_STYLES[name],
    };
    const own = points.filter((point) => point.series === name);
    return Plot.line(own, { ...options, curve: isStepwise ? 'step-after' : 'linear' });
  });
  const isInside = ({ value }: Point): boolean =>
    value >= axis.domain[0] && value <= axis.domain[1];
  // Of a rate, which has a value at each step, the values at whole epochs.
  const isShown = (point: Point): boolean =>
    isInside(point) && (!isStepwise || Number.isInteger(point.epoch));
  const dots = titledDots(points.filter(isShown), {
    x: 'epoch',
    y: 'value',
    fill: isStepwise ? 'transparent' : (point: Point) => `var(--${point.series})`,
    title: (point: Point) =>
      `${seriesLabels[point.series]}, epoch ${point.epoch}: ${formatValue(point.value)}`,
  });
  const { options, settings, swa } = result;
  const { averaging } = swa.recipe;
  const start = averaging && averaging.startStep / settings.stepsPerEpoch;
  const svg = drawPlot(`${title} by epoch`, {
    x: {
      label: 'epoch',
      domain: [0, options.epochs],
      ticks: wholeTicks(0, options.epochs),
      tickFormat: 'd',
    },
    y: {
      label: axis.label,
      domain: axis.domain,
      type: axis.type ?? 'linear',
      ticks: axis.type === 'log' ? logTicks(axis.domain) : 6,
      tickFormat: '~f',
      grid: true,
    },
    marks: [averagingStart(start, roomAt ?? 'top'), ...lines, dots],
  });
  return { title, caption, series, svg };
}

function logTicks([least, most]: readonly [number, number]): readonly number[] {
  const decades = [-4, -3, -2, -1, 0, 1].map((exponent) => 10 ** exponent);
  const ticks = decades.flatMap((decade) => [
    decade,
    1.5 * decade,
    2 * decade,
    3 * decade,
    5 * decade,
  ]);
  return ticks.filter((tick) => tick >= least && tick <= most);
}

function formatValue(value: number): string {
  return value >= 10 ? value.toFixed(2) : value.toFixed(4);
}
