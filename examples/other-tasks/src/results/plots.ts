// The plots of the README.
import * as Plot from '@observablehq/plot';
import { Resvg } from '@resvg/resvg-js';
import { parseHTML } from 'linkedom';

import type { EpochLine } from '../train.js';
import type { MethodLine } from './methods.js';
import { BASELINE, spreadOf, summaries } from './summary.js';

/** Colours by Okabe and Ito, which people with any kind of colour blindness can tell apart. */
const COLORS = { last: '#c07a00', ema: '#0072b2', swa: '#00805d', lastK: '#aa4499' } as const;
const KINDS = ['last weights', 'EMA', 'SWA', 'last 5 epochs'];

const STYLE = { background: 'white', color: '#1b1f24', fontFamily: 'DejaVu Sans, sans-serif' };

/** The differences to the baseline: a dot for each seed, a bar for the mean. */
export function drawDifferences(experiment: string, lines: readonly MethodLine[]): Uint8Array {
  const rows = summaries(lines).filter(({ method }) => method !== BASELINE);
  const dots = rows.flatMap(({ method, differences }) =>
    differences.map(({ points }) => ({ method, points, kind: kindOf(method) })),
  );
  const means = rows.map(({ method, differences }) => ({
    method,
    points: spreadOf(differences.map(({ points }) => points)).mean,
    kind: kindOf(method),
  }));
  return pngOf({
    width: 720,
    height: 60 + 24 * rows.length,
    marginLeft: 190,
    insetLeft: 8,
    x: { label: `${experiment}: points of accuracy above annealed SGD`, grid: true },
    y: { label: null, domain: rows.map(({ method }) => method) },
    color: colorScale(),
    marks: [
      Plot.ruleX([0]),
      Plot.dot(dots, { x: 'points', y: 'method', stroke: 'kind', r: 3.5 }),
      Plot.tickX(means, { x: 'points', y: 'method', stroke: 'kind', strokeWidth: 3 }),
    ],
  });
}

/** The lines of the second plot: a run, an average, what people read, a colour. */
const SHOWN = [
  { run: 'sgd', average: 'live', label: 'SGD, annealed', color: COLORS.lastK },
  { run: 'sgd-constant', average: 'live', label: 'SGD, constant rate', color: COLORS.last },
  { run: 'sgd-constant', average: 'ema-0.99', label: 'its EMA, 0.99', color: COLORS.ema },
  { run: 'sgd-constant', average: 'swa-from-50', label: 'its SWA from 50 %', color: COLORS.swa },
] as const;

/** The accuracy by epoch: a line for each seed. */
export function drawEpochs(experiment: string, lines: readonly EpochLine[]): Uint8Array {
  const marks = SHOWN.flatMap(({ run, average, label, color }, index) => {
    const points = lines.flatMap(({ seed, epoch, scores, ...line }) => {
      const accuracy = line.run === run ? scores?.[average]?.accuracy : undefined;
      return accuracy === undefined ? [] : [{ seed, epoch, accuracy }];
    });
    const channels = { x: 'epoch', y: 'accuracy', stroke: color };
    const legend = {
      frameAnchor: 'bottom-right',
      dx: -8,
      dy: 18 * (index - SHOWN.length) + 10,
    } as const;
    return [
      Plot.line(points, { ...channels, z: 'seed', strokeWidth: 1.5 }),
      Plot.dot(points, { ...channels, r: 2 }),
      Plot.text([label], { ...legend, fill: color, fontSize: 13 }),
    ];
  });
  const epochs = new Set(lines.filter(({ scores }) => scores).map(({ epoch }) => epoch));
  return pngOf({
    width: 720,
    height: 360,
    x: { label: 'epoch', ticks: [...epochs] },
    y: { label: `${experiment}: test accuracy, %`, grid: true },
    marks,
  });
}

function kindOf(method: string): string {
  const [, average = ''] = method.split('/');
  if (average === '') return 'last weights';
  if (average.startsWith('ema')) return 'EMA';
  return average.startsWith('swa') ? 'SWA' : 'last 5 epochs';
}

function colorScale(): Plot.ScaleOptions {
  return { domain: KINDS, range: [COLORS.last, COLORS.ema, COLORS.swa, COLORS.lastK] };
}

function pngOf(options: Plot.PlotOptions): Uint8Array {
  const { document } = parseHTML('<!doctype html><html></html>');
  const svg = Plot.plot({ ...options, document, style: STYLE });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return new Resvg(svg.outerHTML, { fitTo: { mode: 'zoom', value: 2 } }).render().asPng();
}
