// What the plots of the reports have in common: their series, and how a line of each looks.

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
