// The report's plots: all seeds in each.
import * as Plot from '@observablehq/plot';
import {
  averagingStart,
  drawPlot,
  LINE_STYLES,
  titledDots,
  wholeTicks,
} from '@polyak/example-shared/plots';
import type { Figure, SeriesName } from '@polyak/example-shared/plots';
import { formatIou } from '../results/table.js';
import type { Table } from '../results/table.js';
import type { CycleLine } from '../run-seed.js';

/** What people read for each series. */
export const SERIES_LABELS: Readonly<Record<SeriesName, string>> = {
  live: 'snapshots',
  sgd: 'ensemble of snapshots',
  averaged: 'average, batch norm updated',
};

// Without the average with old batch norm, which is so far below that it would hide differences.
const METHODS: readonly {
  readonly method: string;
  readonly label: string;
  readonly color: string;
}[] = [
  { method: 'last', label: 'last iterate', color: 'var(--live)' },
  { method: 'ensemble', label: 'ensemble', color: 'var(--sgd)' },
  { method: 'average-bn-update', label: 'average', color: 'var(--averaged)' },
];

const SIZE = { width: 480, height: 320 };

interface Point {
  readonly series: SeriesName;
  readonly seed: number;
  readonly cycle: number;
  readonly iou: number;
}

/** By cycle, and at the end. */
export function drawFigures(lines: readonly CycleLine[], table: Table): readonly Figure[] {
  return [drawCycles(lines), drawMethods(table)];
}

function drawCycles(lines: readonly CycleLine[]): Figure {
  const points = lines.flatMap(({ seed, cycle, snapshot, average }): readonly Point[] => [
    { series: 'live', seed, cycle, iou: snapshot.iou },
    ...(average ? [{ series: 'averaged', seed, cycle, iou: average.iou } as const] : []),
  ]);
  const series = ['live', 'averaged'] as const;
  const channels = { x: 'cycle', y: 'iou', stroke: (point: Point) => `var(--${point.series})` };
  const cycles = points.map(({ cycle }) => cycle);
  const starts = lines.filter(({ average }) => average).map(({ cycle }) => cycle);
  const svg = drawPlot('Intersection over union at the bottom of each cycle', {
    ...SIZE,
    marginLeft: 48,
    x: {
      label: 'cycle',
      ticks: wholeTicks(Math.min(...cycles), Math.max(...cycles)),
      tickFormat: 'd',
    },
    y: { label: 'intersection over union', grid: true, ticks: 6 },
    marks: [
      averagingStart(starts.length === 0 ? undefined : Math.min(...starts), 'bottom'),
      ...series.map((name) =>
        Plot.line(
          points.filter((point) => point.series === name),
          { ...channels, z: 'seed', ...LINE_STYLES[name] },
        ),
      ),
      titledDots(points, {
        x: 'cycle',
        y: 'iou',
        fill: channels.stroke,
        title: (point: Point) =>
          `${SERIES_LABELS[point.series]}, seed ${point.seed}, cycle ${point.cycle}: ` +
          formatIou(point.iou),
      }),
    ],
  });
  return {
    title: 'At the bottom of each cycle',
    caption: 'One line for each seed.',
    series,
    svg,
  };
}

function drawMethods({ seeds, rows }: Table): Figure {
  const points = METHODS.flatMap(({ method, label, color }) =>
    (rows.find((row) => row.method === method)?.ious ?? []).map((iou, index) => ({
      label,
      color,
      iou,
      seed: seeds[index] ?? NaN,
    })),
  );
  const svg = drawPlot('Intersection over union at the end, by method', {
    ...SIZE,
    marginLeft: 88,
    x: { label: 'intersection over union', grid: true, nice: true, ticks: 5 },
    y: { label: null, domain: METHODS.map(({ label }) => label) },
    marks: [
      Plot.line(points, { x: 'iou', y: 'label', z: 'seed', stroke: 'var(--edge)' }),
      titledDots(points, {
        x: 'iou',
        y: 'label',
        r: 5,
        fill: 'color',
        title: ({ label, seed, iou }: (typeof points)[number]) =>
          `${label}, seed ${seed}: ${formatIou(iou)}`,
      }),
    ],
  });
  return {
    title: 'At the end',
    caption:
      'A dot for each seed; lines join the dots of a seed. Batch norm updated for the average.',
    series: [],
    svg,
  };
}
