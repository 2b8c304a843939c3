// The picture of a difference: how far each tensor moved, as static SVG by Observable Plot.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { numberText } from '../text.js';

/** A tensor, or the one of several neighbours that moved most. */
export interface Moved {
  /** Its index in the file. */
  readonly index: number;
  readonly name: string;
  /** The rms of the difference relative to that of the first checkpoint. */
  readonly relativeRms: number;
}

// As many dots as can be told apart.
const MOST_DOTS = 1000;

/**
 * Thins out rows where there are more than can be drawn: of neighbours, the one that moved most
 * stays.
 *
 * @param rows - in the order of the file
 */
export function thinned(rows: readonly Moved[]): readonly Moved[] {
  const width = Math.ceil(rows.length / MOST_DOTS);
  const kept: Moved[] = [];
  for (let begin = 0; begin < rows.length; begin += width) {
    const group = rows.slice(begin, begin + width);
    kept.push(group.reduce((most, row) => (row.relativeRms > most.relativeRms ? row : most)));
  }
  return kept;
}

/**
 * A dot for each tensor, in the order of the file, on a logarithmic axis. Tensors that did not move
 * are at the bottom.
 *
 * @param rows - finite ones
 * @param count - how many tensors the file has
 * @returns an SVG element
 */
export function drawMoved(rows: readonly Moved[], count: number): string {
  const moved = rows.filter(({ relativeRms }) => relativeRms > 0);
  const values = moved.map(({ relativeRms }) => relativeRms);
  const [least, most] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0.1, 1];
  const title = ({ name, relativeRms }: Moved): string => `${name}: ${numberText(relativeRms)}`;
  const dot = { x: 'index', r: 3, title };
  const svg = Plot.plot({
    document: parseHTML('<!doctype html><html></html>').document,
    width: 960,
    height: 360,
    marginLeft: 64,
    marginBottom: 44,
    ariaLabel: 'relative rms difference by tensor',
    x: { label: 'tensor, in the order of the file', domain: [0, Math.max(1, count - 1)], ticks: 8 },
    y: {
      label: 'relative rms difference',
      type: 'log',
      domain: [least / 2, most * 2],
      ticks: 6,
      tickFormat: '~e',
      grid: true,
    },
    marks: [
      Plot.dot(
        rows.filter(({ relativeRms }) => relativeRms === 0),
        { ...dot, frameAnchor: 'bottom', stroke: 'var(--muted)' },
      ),
      Plot.dot(moved, { ...dot, y: 'relativeRms', fill: 'var(--moved)' }),
    ],
  });
  return svg.outerHTML;
}
