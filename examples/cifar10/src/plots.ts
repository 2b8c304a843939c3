// The report's plots: what each shows, and its drawing as static SVG by Observable Plot.
import * as Plot from '@observablehq/plot';
import { LINE_STYLES, SERIES } from '@polyak/example-shared/plots';
import type { Figure, SeriesName } from '@polyak/example-shared/plots';
import { parseHTML } from 'linkedom';

import { formatPart } from './progress.js';
import type { EpochLine } from './run-leg.js';
import type { SeedRun } from './run-seed.js';

/** What people read for each series. */
export const SERIES_LABELS: Readonly<Record<SeriesName, string>> = {
  sgd: 'SGD',
  live: 'SWA, weights of the step',
  averaged: 'SWA, averaged, batch norm updated',
};

interface Point {
  readonly series: SeriesName;
  readonly seed: number;
  readonly epoch: number;
  readonly value: number;
}

/** Accuracy by epoch for each average of each SWA beside SGD, and the training loss. */
export function drawFigures(runs: readonly SeedRun[]): readonly Figure[] {
  const swa = runs[0]?.endings.filter(({ ending }) => ending.averages.length > 0) ?? [];
  const accuracies = swa.flatMap(({ ending }) =>
    ending.averages.map(({ from }) =>
      draw(accuracyPoints(runs, ending.name, from), {
        title: `SWA to ${ending.finalRate}, averaged from ${formatPart(from)}`,
        caption: 'Test accuracy; one line for each seed.',
        label: 'accuracy (%)',
      }),
    ),
  );
  const losses = swa.map(({ ending }) =>
    draw(lossPoints(runs, ending.name), {
      title: `Training loss, SWA to ${ending.finalRate}`,
      caption: 'Mean cross-entropy of the batches of an epoch, in nats; one line for each seed.',
      label: 'training loss (nats)',
    }),
  );
  return [...accuracies, ...losses];
}

function accuracyPoints(runs: readonly SeedRun[], swa: string, from: number): readonly Point[] {
  const live = ({ live: score }: EpochLine): number | undefined => score?.accuracy;
  const averaged = ({ averages }: EpochLine): number | undefined =>
    averages?.find((average) => average.from === from)?.updatedStatistics.accuracy;
  return [
    ...pointsOf(runs, 'sgd', 'sgd', live),
    ...pointsOf(runs, swa, 'live', live),
    ...pointsOf(runs, swa, 'averaged', averaged),
  ].map((point) => ({ ...point, value: 100 * point.value }));
}

function lossPoints(runs: readonly SeedRun[], swa: string): readonly Point[] {
  const loss = ({ trainLoss }: EpochLine): number => trainLoss;
  return [...pointsOf(runs, 'sgd', 'sgd', loss), ...pointsOf(runs, swa, 'live', loss)];
}

/** The values of one ending with each seed, the half before it included. */
function pointsOf(
  runs: readonly SeedRun[],
  name: string,
  series: SeriesName,
  valueOf: (line: EpochLine) => number | undefined,
): readonly Point[] {
  return runs.flatMap(({ seed, shared, endings }) => {
    const own = endings.find(({ ending }) => ending.name === name)?.lines ?? [];
    return [...shared.lines, ...own].flatMap((line) => {
      const value = valueOf(line);
      return value === undefined ? [] : [{ series, seed, epoch: line.epoch, value }];
    });
  });
}

function draw(
  points: readonly Point[],
  {
    title,
    caption,
    label,
  }: { readonly title: string; readonly caption: string; readonly label: string },
): Figure {
  const series = SERIES.filter((name) => points.some((point) => point.series === name));
  const channels = { x: 'epoch', y: 'value', stroke: (point: Point) => `var(--${point.series})` };
  const svg = Plot.plot({
    document: parseHTML('<!doctype html><html></html>').document,
    width: 480,
    height: 320,
    marginLeft: 48,
    marginBottom: 44,
    ariaLabel: `${title}, by epoch`,
    x: { label: 'epoch', tickFormat: 'd' },
    y: { label, grid: true, ticks: 6 },
    marks: [
      ...series.map((name) =>
        Plot.line(
          points.filter((point) => point.series === name),
          { ...channels, z: 'seed', ...LINE_STYLES[name] },
        ),
      ),
      Plot.dot(points, {
        ...channels,
        r: 2,
        title: ({ series: name, seed, epoch, value }: Point) =>
          `${SERIES_LABELS[name]}, seed ${seed}, epoch ${epoch}: ${value.toFixed(2)}`,
      }),
    ],
  });
  return { title, caption, series, svg: svg.outerHTML };
}
