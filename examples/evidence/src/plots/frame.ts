// What the plots of the pages have in common: a light card with a title and a legend, which is read
// on a dark page too.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** One colour of the legend. */
interface LegendEntry {
  readonly label: string;
  readonly color: string;
}

/** A picture: its words, and one plot or several side by side. */
export interface Card {
  readonly title: string;
  readonly legend: readonly LegendEntry[];
  readonly plots: readonly Plot.PlotOptions[];
}

/** Colours of the baseline and of what is compared with it, as in the reports. */
const COLORS = ['#57606a', '#1d4ed8', '#c2410c', '#00805d', '#b0417f'] as const;

/** Colours of text, of lines between, and of the ground. */
export const THEME = { ink: '#1b1f24', muted: '#59636e', edge: '#dfe3e8', panel: '#f6f7f9' };

/** The font of all text. It is shipped, so that pictures are the same on every machine. */
export const FONT = 'DejaVu Sans';

const [WIDTH, PADDING, HEAD] = [760, 20, 72];
const INNER = WIDTH - 2 * PADDING;
const STYLE = `font-size: 12.5px; font-family: ${FONT}; color: ${THEME.ink}; overflow: visible`;
/** The mean width of a letter in the legend. */
const LETTER = 7.6;

/** The colour of the line or dot of the method with this index. */
export function colorOf(index: number): string {
  return COLORS[index % COLORS.length] ?? THEME.ink;
}

/** The picture as SVG. */
export function drawCard({ title, legend, plots }: Card): string {
  const { document } = parseHTML('<!doctype html><html></html>');
  const width = Math.floor(INNER / plots.length);
  const bodies = plots.map((options) => Plot.plot({ ...options, document, width }));
  const { rows, entries } = layOut(legend);
  const top = HEAD + (rows - 1) * 20;
  const height = top + Math.max(...bodies.map((body) => Number(body.getAttribute('height')))) + 12;
  for (const [index, body] of bodies.entries()) {
    body.setAttribute('style', STYLE);
    body.setAttribute('x', String(PADDING + index * width));
    body.setAttribute('y', String(top));
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
      `font-family="${FONT}" font-size="13" fill="${THEME.ink}">`,
    `<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8" ` +
      `fill="${THEME.panel}" stroke="${THEME.edge}"/>`,
    `<text x="${PADDING}" y="34" font-size="16" font-weight="bold">${escape(title)}</text>`,
    ...entries.map(
      ({ label, color, x, row }) =>
        `<circle cx="${x + 5}" cy="${52 + row * 20}" r="5" fill="${color}"/>` +
        `<text x="${x + 16}" y="${56.5 + row * 20}">${escape(label)}</text>`,
    ),
    ...bodies.map((body) => body.outerHTML),
    '</svg>',
  ].join('\n');
}

/** Where each entry of the legend is, in as many rows as it takes. */
function layOut(legend: readonly LegendEntry[]): {
  readonly rows: number;
  readonly entries: readonly (LegendEntry & { readonly x: number; readonly row: number })[];
} {
  let [x, row] = [PADDING, 0];
  const entries = legend.map((entry) => {
    const width = 34 + entry.label.length * LETTER;
    if (x > PADDING && x + width > WIDTH - PADDING) [x, row] = [PADDING, row + 1];
    const placed = { ...entry, x, row };
    x += width;
    return placed;
  });
  return { rows: row + 1, entries };
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
