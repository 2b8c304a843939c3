// What the plots of the reports have in common: their frame, their series, and how each is drawn.
// Drawn as static SVG by Observable Plot. Values are shown where a pointer is near.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** What a line stands for; the style sheet knows its colour by this name. */
export type SeriesName = 'sgd' | 'live' | 'averaged';

/** All series, in the order of legends. */
export const SERIES: readonly SeriesName[] = ['sgd', 'live', 'averaged'];

/** One plot with its words. */
export interface Figure {
  readonly title: string;
  readonly caption: string;
  /** In the order of the legend. */
  readonly series: readonly SeriesName[];
  readonly svg: string;
}

/** Width and dashes of a line. */
interface LineStyle {
  readonly strokeWidth: number;
  readonly strokeDasharray: string;
}

/** The line of each series. */
export const LINE_STYLES: Readonly<Record<SeriesName, LineStyle>> = {
  sgd: { strokeWidth: 2, strokeDasharray: 'none' },
  live: { strokeWidth: 2, strokeDasharray: '6 4' },
  averaged: { strokeWidth: 3, strokeDasharray: 'none' },
};

/** A stretch of line in the style of a series, for a legend. */
export function drawLegendKey(series: SeriesName): string {
  const { strokeWidth, strokeDasharray } = LINE_STYLES[series];
  return (
    `<svg width="28" height="10" aria-hidden="true"><path d="M1 5H27" stroke="var(--${series})" ` +
    `stroke-width="${strokeWidth}" stroke-dasharray="${strokeDasharray}"/></svg>`
  );
}

/**
 * A plot in the frame of the reports.
 *
 * @param name - what it shows, for screen readers
 * @param options - axes and marks; a size other than that of the reports
 * @returns SVG
 */
export function drawPlot(name: string, options: Plot.PlotOptions): string {
  const svg = Plot.plot({
    document: parseHTML('<!doctype html><html></html>').document,
    width: 400,
    height: 280,
    marginLeft: 52,
    marginBottom: 44,
    marginTop: 32,
    ariaLabel: name,
    ...options,
  });
  return svg.outerHTML;
}

/** Ticks for an axis of epochs, cycles or the like: whole numbers, at most eleven, none twice. */
export function wholeTicks(from: number, to: number): readonly number[] {
  const interval = Math.max(1, Math.ceil((to - from) / 10));
  const first = Math.ceil(from / interval) * interval;
  const count = Math.max(0, Math.floor((to - first) / interval) + 1);
  return Array.from({ length: count }, (_, index) => first + index * interval);
}

/**
 * A line where averaging starts, with its name.
 *
 * @param start - on the horizontal axis; undefined for nothing
 * @param frameAnchor - where there is room for the words
 */
export function averagingStart(
  start: number | undefined,
  frameAnchor: 'top' | 'bottom',
): Plot.Markish {
  const starts = start === undefined ? [] : [start];
  return [
    Plot.ruleX(starts, { stroke: 'var(--muted)', strokeDasharray: '2 3' }),
    Plot.text(starts, {
      x: (at: number) => at,
      text: () => 'averaging starts',
      frameAnchor,
      textAnchor: 'start',
      fill: 'var(--muted)',
      dx: 5,
      dy: frameAnchor === 'top' ? 3 : -5,
    }),
  ];
}

/** Dots that show their `title` already where the pointer is near. */
export function titledDots(
  points: Plot.Data,
  options: Plot.DotOptions & { readonly title: Plot.ChannelValue },
): Plot.Dot {
  return Plot.dot(points, { r: 3, stroke: 'transparent', strokeWidth: 14, ...options });
}
