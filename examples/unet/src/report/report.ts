// The report: one HTML file that needs nothing else.
import { renderFigure, renderPage } from '@polyak/example-shared/report-page';
import { PIXELS, SIZE } from '../pictures/canvas.js';
import type { Pictures } from '../pictures/pictures.js';
import type { MethodLine } from '../results/methods.js';
import type { SeedRecord } from '../results/records.js';
import { cellsOf, headOf, tableOf } from '../results/table.js';
import type { Table } from '../results/table.js';
import { verdict } from '../results/verdict.js';
import { SHOWN_PICTURES } from '../run-seed.js';
import { MOMENTUM, stepsPerEpoch, totalSteps } from '../settings.js';
import { maskImage, pictureImage } from './mask-images.js';
import { drawFigures, SERIES_LABELS } from './plots.js';

const pageStyle = `
.wide { overflow-x: auto; }
.results th + th, .results td { text-align: right; white-space: nowrap; }
.masks td, .masks th { padding: 0.125rem 0.25rem 0.125rem 0; border: 0; vertical-align: middle; }
.masks img { display: block; width: 8.5rem; height: auto; image-rendering: pixelated; }
`;

/** What the report shows. */
export interface Result {
  /** In the order of the seeds, with the same settings else; one at least. */
  readonly records: readonly SeedRecord[];
  readonly lines: readonly MethodLine[];
  /** The pictures that scores were taken on. */
  readonly scored: Pictures;
}

/**
 * The report as an HTML page.
 *
 * @returns the page's source, without any reference to other files or hosts
 */
export function renderReport({ records, lines, scored }: Result): string {
  const table = tableOf(lines);
  const cycles = records.flatMap(({ run }) => run.cycles);
  return renderPage({
    title: 'A U-Net, averaged over cycles',
    style: pageStyle,
    verdict: verdict(table),
    body: `${renderTable(table)}
<h2>All seeds</h2>
<div class="plots">
${drawFigures(cycles, table)
  .map((figure) => renderFigure(figure, SERIES_LABELS))
  .join('\n')}
</div>
<h2>Masks</h2>
<p>The first pictures that scores were taken on, with seed ${table.seeds[0] ?? ''}. White: whole
digits that were found; blue: missed; orange: found where there is none.</p>
${renderMasks(records, scored)}
<h2>Settings</h2>
${renderSettings(records)}`,
  });
}

function renderTable(table: Table): string {
  const head = headOf(table).map((cell) => `<th scope="col">${cell}</th>`);
  const rows = table.rows.map(cellsOf).map(([name = '', ...cells]) => {
    const values = cells.map((cell) => `<td>${cell}</td>`);
    return `<tr><th scope="row">${name}</th>${values.join('')}</tr>`;
  });
  return `<div class="wide"><table class="results">
<thead><tr>${head.join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table></div>`;
}

function renderMasks([first]: readonly SeedRecord[], { images, masks }: Pictures): string {
  const part = <Pixels>(from: { slice(start: number, end: number): Pixels }, row: number): Pixels =>
    from.slice(row * PIXELS, (row + 1) * PIXELS);
  const { last = [], average = [] } = first?.run.masks ?? {};
  const maskOf = (predicted: readonly number[], row: number): string =>
    maskImage(part(predicted, row), part(masks, row));
  const rows: readonly (readonly [string, (row: number) => string])[] = [
    ['picture', (row) => pictureImage(part(images, row))],
    ['truth', (row) => maskImage(part(masks, row), part(masks, row))],
    ['last iterate', (row) => maskOf(last, row)],
    ['average', (row) => maskOf(average, row)],
  ];
  const lines = rows.map(([name, imageOf]) => {
    const cells = Array.from(
      { length: SHOWN_PICTURES },
      (_, row) =>
        `<td><img src="${imageOf(row)}" width="${SIZE}" height="${SIZE}" ` +
        `alt="${name} ${row + 1}"></td>`,
    );
    return `<tr><th scope="row">${name}</th>${cells.join('')}</tr>`;
  });
  return `<div class="wide"><table class="masks">
<tbody>
${lines.join('\n')}
</tbody>
</table></div>`;
}

function renderSettings(records: readonly SeedRecord[]): string {
  const [first] = records;
  if (first === undefined) return '';
  const { settings, weights } = first.run;
  const { pictures, batchSize, cycles, cycleEpochs, baseLr, maxLr, members } = settings;
  const rows: readonly (readonly [string, string])[] = [
    ['network', `U-Net, ${weights.trained} weights`],
    ['pictures', `${pictures} to train on; scores on ${first.part} pictures`],
    [
      'training',
      `${totalSteps(settings)} steps of ${batchSize} pictures, ${stepsPerEpoch(settings)} a pass`,
    ],
    ['optimizer', `SGD with momentum ${MOMENTUM}`],
    [
      'learning rate',
      `${cycles} cycles of ${cycleEpochs} passes, from ${baseLr} to ${maxLr} and back`,
    ],
    ['averaged', `the last ${members} cycles, at the bottom of each`],
    ['backend', first.backend],
    ...records.map(({ run }): readonly [string, string] => [
      `time of seed ${run.settings.seed}`,
      `${run.seconds.toFixed(0)} s`,
    ]),
  ];
  const lines = rows.map(([name, text]) => `<tr><th scope="row">${name}</th><td>${text}</td></tr>`);
  return `<table class="settings">\n<tbody>\n${lines.join('\n')}\n</tbody>\n</table>`;
}
