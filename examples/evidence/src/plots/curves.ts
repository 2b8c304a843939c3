// What plots of several methods share: a thin line for each run, and a thick one for their mean.
import * as Plot from '@observablehq/plot';

import { colorOf } from './frame.js';

/** A point of a run. */
export interface Point {
  readonly method: string;
  /** Which of the method's thin lines. */
  readonly run: string;
  readonly x: number;
  readonly y: number;
}

/**
 * The marks of both kinds of lines. Points of one run at one place are drawn as their mean.
 *
 * @param methods - in the order of their colours
 */
export function drawCurves(points: readonly Point[], methods: readonly string[]): Plot.Markish[] {
  const color = ({ method }: Point): string => colorOf(methods.indexOf(method));
  const z = ({ method, run }: Point): string => `${method} ${run}`;
  const means = (options: Plot.LineOptions | Plot.DotOptions): Plot.LineOptions & Plot.DotOptions =>
    Plot.groupX({ y: 'mean' }, { x: 'x', y: 'y', ...options });
  return [
    Plot.line(points, means({ z, stroke: color, strokeOpacity: 0.4 })),
    Plot.dot(points, means({ z, fill: color, fillOpacity: 0.5, r: 2.5 })),
    Plot.line(points, means({ z: 'method', stroke: color, strokeWidth: 3 })),
  ];
}
