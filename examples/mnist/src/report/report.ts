// The report: one HTML file that needs nothing else.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { escapeHtml, renderFigure, renderPage } from '@polyak/example-shared/report-page';
import { writeWhole } from '@polyak/example-shared/write-whole';
import type { Recipe, RunResult } from '../run.js';
import { drawFigures, seriesLabels } from './plots.js';
import { bestRows, finalRows, formatAccuracy, formatLoss, verdict } from './verdict.js';

/** Writes the report of a run, and the folders on its way. */
export async function writeReport(path: string, result: RunResult): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeWhole(path, renderReport(result));
}

/**
 * The report of a run as an HTML page, without any reference to other files or hosts.
 *
 * @returns the page's source
 */
export function renderReport(result: RunResult): string {
  const sentence = verdict(result.final, result.settings.testImages);
  return renderPage({
    title: 'Stochastic weight averaging on MNIST',
    verdict: escapeHtml(sentence),
    body: `${renderFinalTable(result)}
<p>Both runs start from the same weights and see the same batches in the same order. One run is one
draw: with another seed the numbers move. <code>demo:seeds</code> runs five.</p>
<h2>During training</h2>
<div class="plots">
${drawFigures(result)
  .map((figure) => renderFigure(figure, seriesLabels))
  .join('\n')}
</div>
<h2>Settings</h2>
${renderSettings(result)}`,
  });
}

function renderFinalTable(result: RunResult): string {
  const rows = finalRows(result.final);
  const best = bestRows(rows);
  const lines = rows.map(
    (row) =>
      `<tr><th scope="row">${escapeHtml(row.name)}</th>` +
      renderNumber(`${formatAccuracy(row.accuracy)} %`, best.accuracy.has(row)) +
      renderNumber(formatLoss(row.loss), best.loss.has(row)) +
      '</tr>',
  );
  return `<table class="final">
<thead><tr><th scope="col">weights</th><th scope="col" class="number">test accuracy</th>
<th scope="col" class="number">test loss (nats)</th></tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table>`;
}

function renderNumber(text: string, isBest: boolean): string {
  return `<td class="number${isBest ? ' best' : ''}">${text}</td>`;
}

function renderSettings({ options, settings, sgd, swa, seconds }: RunResult): string {
  const rows: readonly (readonly [string, string])[] = [
    ['seed', String(options.seed)],
    [
      'budget of each run',
      `${options.epochs} epochs of ${settings.stepsPerEpoch} steps, ${settings.batchSize} images ` +
        'a step',
    ],
    [
      'images',
      `${formatCount(settings.trainImages)} to train on, ${formatCount(settings.testImages)} to ` +
        'test on',
    ],
    ['optimizer', `SGD with momentum ${settings.momentum}`],
    ['SGD', describeRecipe(sgd.recipe)],
    ['SWA', describeRecipe(swa.recipe)],
    ['backend', `${settings.backend} (asked for: ${options.backend})`],
    ...Object.entries(settings.versions),
    [
      'time',
      `${seconds.toFixed(0)} s: SGD ${sgd.seconds.toFixed(0)} s, SWA ${swa.seconds.toFixed(0)} s`,
    ],
  ];
  const lines = rows.map(
    ([name, value]) =>
      `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<table class="settings">\n<tbody>\n${lines.join('\n')}\n</tbody>\n</table>`;
}

function describeRecipe({ initialLearningRate, finalLearningRate, averaging }: Recipe): string {
  const rate =
    initialLearningRate === finalLearningRate
      ? `learning rate ${initialLearningRate}, constant`
      : `learning rate ${initialLearningRate} for half of the run, then linearly down to ` +
        `${finalLearningRate} at 90 %`;
  if (!averaging) {
    return rate;
  }
  const interval =
    averaging.everySteps === 1 ? 'at every step' : `every ${averaging.everySteps} steps`;
  return `${rate}; averaged ${interval} after step ${averaging.startStep}`;
}

function formatCount(count: number): string {
  return count.toLocaleString('en');
}
