// The loss surface as filled contours, with the paths over it.
import { contours } from 'd3-contour';
import type { Box } from '../plane/box.js';
import type { Point } from '../plane/plane.js';
import type { SoupView, ValleyView } from '../view.js';
import { linePath, scale, svg } from './svg.js';

const levels = 12;
/** Losses above this share of all are drawn alike, or one steep corner would take all colours. */
const clipped = 0.75;
const height = 420;

export interface ValleyPlot {
  readonly valley: ValleyView;
  /** The epoch up to which the paths are drawn. */
  readonly epoch: number;
  readonly snapshots: readonly number[];
  readonly soup?: SoupView | undefined;
}

/** Draws the valley into `root`. The points of SGD have their epoch as `data-epoch`. */
export function drawValley(root: SVGSVGElement, plot: ValleyPlot): void {
  const { valley, epoch, snapshots, soup } = plot;
  const width = root.clientWidth || 480;
  root.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const place = placing(valley.box, width);
  const firstAverage = valley.live.length - valley.average.length;
  const live = valley.live.slice(0, epoch).map(place);
  const average = valley.average.slice(0, Math.max(0, epoch - firstAverage)).map(place);
  root.replaceChildren(
    ...surface(valley, width),
    svg('path', { class: 'pg-path pg-live', d: linePath(live) }),
    ...live.map(([cx, cy]) => svg('circle', { class: 'pg-step pg-live', cx, cy, r: 1.8 })),
    svg('path', { class: 'pg-path pg-average', d: linePath(average) }),
    ...snapshots.flatMap((number) => {
      const point = valley.live[number - 1];
      if (point === undefined) return [];
      const [cx, cy] = place(point);
      return [svg('circle', { class: 'pg-snapshot', cx, cy, r: 6 })];
    }),
    ...dot(live.at(-1), 'pg-live'),
    ...dot(average.at(-1), 'pg-average'),
    ...(soup?.point === undefined ? [] : star(place(soup.point))),
    ...live.map(([cx, cy], index) => {
      return svg('circle', { class: 'pg-target', 'data-epoch': index + 1, cx, cy, r: 8 });
    }),
  );
}

function placing({ x, y }: Box, width: number): (point: Point) => Point {
  const [across, up] = [scale(x, [0, width]), scale(y, [height, 0])];
  return ([a, b]) => [across(a), up(b)];
}

function dot(point: Point | undefined, kind: string): SVGElement[] {
  if (point === undefined) return [];
  return [svg('circle', { class: `pg-dot ${kind}`, cx: point[0], cy: point[1], r: 6 })];
}

function star([x, y]: Point): SVGElement[] {
  const corners = Array.from({ length: 10 }, (_, index) => {
    const [radius, angle] = [index % 2 === 0 ? 10 : 4, (Math.PI * (index - 2.5)) / 5];
    return `${x + radius * Math.cos(angle)},${y + radius * Math.sin(angle)}`;
  });
  return [svg('polygon', { class: 'pg-soup', points: corners.join(' ') })];
}

function surface({ rows, size }: ValleyView, width: number): SVGElement[] {
  if (rows.length < 2) return [];
  const losses = rows.flat();
  const sorted = losses.toSorted((a, b) => a - b);
  const [low = 0, high = 1] = [sorted[0], sorted[Math.floor(clipped * (sorted.length - 1))]];
  const thresholds = Array.from({ length: levels }, (_, n) => low + ((high - low) * n) / levels);
  const [across, up] = [scale([0, size], [0, width]), scale([0, size], [height, 0])];
  return contours()
    .size([size, rows.length])
    .thresholds(thresholds)(losses)
    .map(({ coordinates }, level) => {
      const rings = coordinates.flat().map((ring) => {
        const corners = ring.map(([x = 0, y = 0]) => [across(x), up(y)] as const);
        return `${linePath(corners)}Z`;
      });
      const style = `--level: ${Math.round((100 * level) / (levels - 1))}%`;
      return svg('path', { class: 'pg-contour', d: rings.join(''), style });
    });
}
