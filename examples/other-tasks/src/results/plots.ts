// The plot of the README.
import * as Plot from '@observablehq/plot';
import { Resvg } from '@resvg/resvg-js';
import { parseHTML } from 'linkedom';

import type { MethodLine } from './methods.js';
import { BASELINE, spreadOf, summaries } from './summary.js';

/**
 * The differences to the baseline, as a PNG: a dot for each seed, a bar for the mean, a colour for
 * each kind of average.
 */
export function drawDifferences(experiment: string, lines: readonly MethodLine[]): Uint8Array {
  const rows = summaries(lines).filter(({ method }) => method !== BASELINE);
  const dots = rows.flatMap(({ method, differences }) =>
    differences.map(({ points }) => ({ method, points, color: colorOf(method) })),
  );
  const means = rows.map(({ method, differences }) => ({
    method,
    points: spreadOf(differences.map(({ points }) => points)).mean,
    color: colorOf(method),
  }));
  const channels = { x: 'points', y: 'method', stroke: 'color' };
  const svg = Plot.plot({
    document: parseHTML('<!doctype html><html></html>').document,
    style: { background: 'white', color: '#1b1f24', fontFamily: 'DejaVu Sans, sans-serif' },
    width: 720,
    height: 60 + 24 * rows.length,
    marginLeft: 190,
    insetLeft: 8,
    x: { label: `${experiment}: points of accuracy above annealed SGD`, grid: true },
    y: { label: null, domain: rows.map(({ method }) => method) },
    marks: [
      Plot.ruleX([0]),
      Plot.dot(dots, { ...channels, r: 3.5 }),
      Plot.tickX(means, { ...channels, strokeWidth: 3 }),
    ],
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return new Resvg(svg.outerHTML, { fitTo: { mode: 'zoom', value: 2 } }).render().asPng();
}

/** Colours by Okabe and Ito, which people with any kind of colour blindness can tell apart. */
function colorOf(method: string): string {
  const [, average = ''] = method.split('/');
  if (average === '') return '#c07a00';
  if (average.startsWith('ema')) return '#0072b2';
  return average.startsWith('swa') ? '#00805d' : '#aa4499';
}
