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
 * The marks of both kinds of lines.
 *
 * @param methods - in the order of their colours
 */
export function drawCurves(points: readonly Point[], methods: readonly string[]): Plot.Markish[] {
  const stroke = ({ method }: Point): string => colorOf(methods.indexOf(method));
  const channels = { x: 'x', y: 'y', stroke };
  const z = ({ method, run }: Point): string => `${method} ${run}`;
  return [
    Plot.line(points, { ...channels, z, strokeOpacity: 0.4 }),
    Plot.dot(points, { x: 'x', y: 'y', fill: stroke, fillOpacity: 0.5, r: 2.5 }),
    Plot.line(points, Plot.groupX({ y: 'mean' }, { ...channels, z: 'method', strokeWidth: 3 })),
  ];
}
