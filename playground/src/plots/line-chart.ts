// Lines over a common axis.
import { linePath, scale, svg } from './svg.js';

/** The weights that a line or dot is about; the style sheet has its colour. */
type Kind = 'live' | 'decayed' | 'average';

interface Line {
  readonly kind: Kind;
  /** One value for each x; missing where there is none. */
  readonly values: readonly (number | undefined)[];
}

export interface LineChart {
  readonly x: readonly number[];
  readonly xLabel: string;
  readonly lines: readonly Line[];
  readonly yRange: readonly [number, number];
  readonly yTicks: readonly number[];
  readonly xTicks: readonly number[];
  readonly format: (value: number) => string;
  /** An index into `x` that is marked. */
  readonly marked?: number;
  /** Shades the part from this x on, with a label. */
  readonly from?: { readonly x: number; readonly label: string };
}

const height = 230;
const space = { left: 44, right: 10, top: 16, bottom: 36 };

/** Draws a chart into `root`, as wide as that is on the page. */
export function drawLineChart(root: SVGSVGElement, chart: LineChart): void {
  const width = root.clientWidth || 480;
  root.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const { x: xs, lines, yRange, marked, from } = chart;
  const [first = 0, last = 1] = [xs[0], xs.at(-1)];
  const x = scale([first, Math.max(last, first + 1e-9)], [space.left, width - space.right]);
  const y = scale(yRange, [height - space.bottom, space.top]);
  const bottom = height - space.bottom;
  const parts: SVGElement[] = [];
  if (from !== undefined && from.x < last) {
    const left = x(Math.max(from.x, first));
    const size = { width: width - space.right - left, height: bottom - space.top };
    parts.push(
      svg('rect', { class: 'pg-shade', x: left, y: space.top, ...size }),
      svg('text', { class: 'pg-tick', x: left + 4, y: bottom - 6 }, from.label),
    );
  }
  for (const tick of chart.yTicks) {
    const level = y(tick);
    parts.push(
      svg('line', {
        class: 'pg-grid',
        x1: space.left,
        x2: width - space.right,
        y1: level,
        y2: level,
      }),
      svg(
        'text',
        { class: 'pg-tick', x: space.left - 6, y: level + 4, 'text-anchor': 'end' },
        chart.format(tick),
      ),
    );
  }
  for (const tick of chart.xTicks.filter((value) => value >= first && value <= last)) {
    parts.push(
      svg(
        'text',
        { class: 'pg-tick', x: x(tick), y: bottom + 15, 'text-anchor': 'middle' },
        String(tick),
      ),
    );
  }
  parts.push(
    svg(
      'text',
      { class: 'pg-tick', x: (space.left + width) / 2, y: height - 4, 'text-anchor': 'middle' },
      chart.xLabel,
    ),
  );
  const inside = (value: number): number => y(Math.max(yRange[0], Math.min(yRange[1], value)));
  for (const { kind, values } of lines) {
    const points = xs.map((at, index) => {
      const value = values[index];
      return value === undefined ? undefined : ([x(at), inside(value)] as const);
    });
    parts.push(svg('path', { class: `pg-line pg-${kind}`, d: linePath(points) }));
    const point = marked === undefined ? undefined : points[marked];
    if (point !== undefined) {
      parts.push(svg('circle', { class: `pg-dot pg-${kind}`, cx: point[0], cy: point[1], r: 4.5 }));
    }
  }
  root.replaceChildren(...parts);
}
