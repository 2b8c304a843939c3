// The page's plots as static SVG by Observable Plot: ratios with their spread, and growth curves.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { isTooNoisy } from '../measure/spread.js';
import type { Result } from '../result.js';
import type { GrowthPoint } from '../row.js';
import { formatCount, formatRatio, formatSize } from './format.js';

const WIDTH = 440;
const ROW_HEIGHT = 38;
/** Colours of the style sheet, for the lines of a growth plot. */
const COLOURS = ['--sgd', '--live', '--averaged', '--muted', '--ink'];
const DASHES = ['none', '6 4', '2 3'];

/**
 * Ratios on a logarithmic axis, a dot with a bar between the quartiles. A filled dot is a ratio to
 * a peer, a hollow one to a limit. A ratio that is too noisy has its bar only.
 *
 * @param title - for screen readers
 * @param results - from top to bottom
 * @returns an SVG element
 */
export function drawRatios(title: string, results: readonly Result[]): string {
  const rows = results.map(({ row, timing }, index) => ({
    index,
    label: `${row.name}, ${formatSize(row)}, to ${row.against}`,
    ratio: timing.ratio,
    low: timing.quartiles[0],
    high: timing.quartiles[1],
    isPeer: row.isPeer === true,
    text: formatRatio(timing),
    isNumber: !isTooNoisy(timing),
  }));
  type Point = (typeof rows)[number];
  const least = Math.min(0.5, ...rows.map(({ low }) => low));
  const most = Math.max(2, ...rows.map(({ high }) => high));
  const colour = ({ isPeer }: Point): string => (isPeer ? 'var(--sgd)' : 'var(--live)');
  const y = 'index';
  return svgOf({
    width: WIDTH,
    height: 48 + rows.length * ROW_HEIGHT,
    marginLeft: 12,
    marginRight: 64,
    marginTop: 8,
    marginBottom: 40,
    ariaLabel: `${title}: ratios with their quartiles`,
    x: {
      type: 'log',
      domain: [least / 1.1, most * 1.1],
      label: 'ratio of CPU times',
      ticks: ticksOf(least, most),
      tickFormat: '~g',
      grid: true,
    },
    y: { type: 'linear', domain: [-0.6, rows.length - 0.4], reverse: true, axis: null },
    marks: [
      Plot.ruleX([1], { stroke: 'var(--muted)' }),
      Plot.text(rows, {
        y,
        text: 'label',
        frameAnchor: 'left',
        textAnchor: 'start',
        lineWidth: 30,
        textOverflow: 'ellipsis-end',
        dy: -13,
        fill: 'currentColor',
        stroke: 'var(--panel)',
        strokeWidth: 4,
      }),
      Plot.ruleY(rows, { y, x1: 'low', x2: 'high', stroke: colour, strokeWidth: 4, opacity: 0.5 }),
      Plot.dot(
        rows.filter(({ isNumber }) => isNumber),
        {
          y,
          x: 'ratio',
          r: 4,
          stroke: colour,
          strokeWidth: 2,
          fill: (row: Point) => (row.isPeer ? colour(row) : 'var(--panel)'),
        },
      ),
      Plot.text(rows, { y, text: 'text', frameAnchor: 'right', textAnchor: 'start', dx: 6 }),
    ],
  });
}

/** A line of a growth plot, with how its key is drawn. */
interface GrowthLine {
  readonly name: string;
  readonly colour: string;
  readonly dashes: string;
  readonly points: readonly { readonly at: number; readonly value: number }[];
}

/**
 * The lines of the growth curves along one count: CPU time per weight, update or tensor.
 *
 * @param by - what is counted
 * @param results - of any rows
 * @returns one line for each operation that has at least two points
 */
export function growthLines(
  by: GrowthPoint['by'],
  results: readonly Result[],
): readonly GrowthLine[] {
  const points = new Map<string, { at: number; value: number }[]>();
  for (const { row, timing } of results) {
    if (row.growth?.by !== by || isTooNoisy(timing)) continue;
    const own = points.get(row.name) ?? [];
    own.push({ at: row.growth.at, value: timing.nanoseconds / row.growth.units });
    points.set(row.name, own);
  }
  return [...points]
    .filter(([, own]) => own.length > 1)
    .map(([name, own], index) => ({
      name,
      colour: `var(${COLOURS[index % COLOURS.length] ?? '--ink'})`,
      dashes: DASHES[Math.floor(index / COLOURS.length) % DASHES.length] ?? 'none',
      points: own.toSorted((a, b) => a.at - b.at),
    }));
}

/** A growth plot; the page draws its legend. */
export function drawGrowth(by: GrowthPoint['by'], lines: readonly GrowthLine[]): string {
  const points = lines.flatMap((line) => line.points.map((point) => ({ ...point, ...line })));
  const values = points.map(({ value }) => value);
  const counts = points.map(({ at }) => at);
  const [least, most] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  return svgOf({
    width: WIDTH,
    height: 280,
    marginLeft: 52,
    marginBottom: 40,
    marginTop: 32,
    ariaLabel: `CPU time per ${by} by number of ${by}s`,
    x: {
      type: 'log',
      label: `number of ${by}s`,
      ticks: ticksOf(Math.min(...counts), Math.max(...counts), [1]),
      tickFormat: formatCount,
    },
    y: {
      type: 'log',
      domain: [least, most],
      label: `ns per ${by}`,
      ticks: ticksOf(least, most),
      tickFormat: formatTick,
      grid: true,
    },
    marks: [
      ...lines.map(({ colour, dashes, points: own }) =>
        Plot.line(own, { x: 'at', y: 'value', stroke: colour, strokeDasharray: dashes }),
      ),
      Plot.dot(points, { x: 'at', y: 'value', r: 3, fill: 'colour' }),
    ],
  });
}

function svgOf(options: Plot.PlotOptions): string {
  return Plot.plot({ document: parseHTML('<!doctype html><html></html>').document, ...options })
    .outerHTML;
}

function formatTick(value: number): string {
  return value < 1 ? `${value}` : formatCount(value);
}

/** Ticks of a logarithmic axis; of few decades, more of each. */
function ticksOf(least: number, most: number, inDecade?: readonly number[]): readonly number[] {
  const steps =
    inDecade ?? (most / least > 1e3 ? [1] : most / least > 20 ? [1, 3] : [1, 2, 3, 5, 7]);
  const decades = Array.from({ length: 14 }, (_, index) => 10 ** (index - 4));
  return decades
    .flatMap((decade) => steps.map((step) => Number((step * decade).toPrecision(2))))
    .filter((tick) => tick >= least && tick <= most);
}
