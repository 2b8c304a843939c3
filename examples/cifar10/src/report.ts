// The report: one HTML file that needs nothing else.
import { drawLegendKey } from '@polyak/example-shared/plots';
import type { Figure } from '@polyak/example-shared/plots';
import { reportStyle } from '@polyak/example-shared/report-style';
import { drawFigures, SERIES_LABELS } from './plots.js';
import { formatPart } from './progress.js';
import { cellsOf, headOf, type Table, tableOf } from './results.js';
import type { SeedRun } from './run-seed.js';
import type { Ending, Settings } from './settings.js';
import { verdict } from './verdict.js';

const pageStyle = `
.wide { overflow-x: auto; }
.results th + th, .results td { text-align: right; white-space: nowrap; }
`;

/** What the report shows. */
export interface Result {
  /** The same for all seeds. */
  readonly settings: Omit<Settings, 'seed'>;
  readonly trainImages: number;
  readonly testImages: number;
  /** Whether the scores were taken on training images kept out of training. */
  readonly isValidation: boolean;
  /** What computed: `tfjs:tensorflow`. */
  readonly backend: string;
  readonly runs: readonly SeedRun[];
}

/**
 * The report of some seeds as an HTML page, without any reference to other files or hosts.
 *
 * @returns the page's source
 */
export function renderReport(result: Result): string {
  const table = tableOf(result.runs);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stochastic weight averaging on CIFAR-10</title>
<style>
${reportStyle}
${pageStyle.trim()}
</style>
</head>
<body>
<main>
<h1>Stochastic weight averaging on CIFAR-10</h1>
<p class="verdict">${escapeHtml(verdict(table))}</p>
${renderTable(table)}
<p>SGD and SWA have the same budget, images, order and initial weights. Up to half of
the budget their learning rates are the same too, so that half was trained once and both went on
from its end: bit for bit what two trainings give.</p>
<h2>During training</h2>
<div class="plots">
${drawFigures(result.runs).map(renderFigure).join('\n')}
</div>
<h2>Settings</h2>
${renderSettings(result)}
</main>
</body>
</html>
`;
}

function renderTable(table: Table): string {
  const head = headOf(table).map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`);
  const rows = table.rows.map(cellsOf).map(([name = '', ...cells]) => {
    const values = cells.map((cell) => `<td>${escapeHtml(cell)}</td>`);
    return `<tr><th scope="row">${escapeHtml(name)}</th>${values.join('')}</tr>`;
  });
  return `<div class="wide"><table class="results">
<thead><tr>${head.join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table></div>`;
}

function renderFigure({ title, caption, series, svg }: Figure): string {
  const keys = series.map(
    (name) => `<li>${drawLegendKey(name)}${escapeHtml(SERIES_LABELS[name])}</li>`,
  );
  return `<figure>
<h3>${escapeHtml(title)}</h3>
<ul class="legend">${keys.join('')}</ul>
${svg}
<figcaption>${escapeHtml(caption)}</figcaption>
</figure>`;
}

function renderSettings({
  settings,
  trainImages,
  testImages,
  isValidation,
  backend,
  runs,
}: Result): string {
  const { network, epochs, batchSize, initialRate, momentum, weightDecay } = settings;
  const scored = isValidation ? 'training images kept out of training' : 'test images';
  const endings = runs[0]?.endings ?? [];
  const rows: readonly (readonly [string, string])[] = [
    [
      'network',
      `pre-activation ResNet-${network.depth}, ${network.width} filters in its first stage`,
    ],
    [
      'images',
      `${formatCount(trainImages)} to train on, shifted by up to 4 pixels and mirrored; scores ` +
        `on ${formatCount(testImages)} ${scored}`,
    ],
    [
      'budget',
      `${epochs} epochs of ${Math.floor(trainImages / batchSize)} steps, ${batchSize} images a ` +
        'step',
    ],
    ['optimizer', `SGD with momentum ${momentum} and weight decay ${weightDecay}`],
    ...endings.map(({ ending }): readonly [string, string] => [
      ending.name,
      describeEnding(ending, initialRate),
    ]),
    ['backend', backend],
    ...runs.map(({ seed, shared, endings: legs }): readonly [string, string] => [
      `time of seed ${seed}`,
      [shared, ...legs].map(({ seconds }) => `${seconds.toFixed(0)} s`).join(' + '),
    ]),
  ];
  const lines = rows.map(
    ([name, value]) =>
      `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<table class="settings">\n<tbody>\n${lines.join('\n')}\n</tbody>\n</table>`;
}

function describeEnding({ finalRate, averages }: Ending, initialRate: number): string {
  const rate =
    finalRate === initialRate
      ? `learning rate ${initialRate}, constant`
      : `learning rate ${initialRate} for half of the budget, then linearly to ${finalRate} at ` +
        '90 %';
  return [
    rate,
    ...averages.map(
      ({ from, every }) => `averaged from ${formatPart(from)} of the budget, every ${every} steps`,
    ),
  ].join('; ');
}

function formatCount(count: number): string {
  return count.toLocaleString('en');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
