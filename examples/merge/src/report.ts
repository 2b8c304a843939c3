// The report: one HTML file that needs nothing else.
import { bestRows, formatAccuracy, formatLoss } from '@polyak/example-mnist/verdict';
import { renderFigure, renderPage, renderSettings } from '@polyak/example-shared/report-page';
import { drawFigures, SERIES_LABELS } from './plots.js';
import type { MergeResult } from './run.js';

/**
 * The report as an HTML page.
 *
 * @returns the page's source, without any reference to other files or hosts
 */
export function renderReport(result: MergeResult): string {
  const { rows, options, steps, interval, backend, testImages, seconds } = result;
  const trained = `${countText(steps)} steps, ${countText(options.trainImages)} images`;
  const settings: readonly (readonly [string, string])[] = [
    ['seed', String(options.seed)],
    ['training', `${trained}, ${options.epochs} epochs`],
    ['checkpoints', `one every ${interval} steps, as safetensors`],
    ['tested on', `${countText(testImages)} images`],
    ['backend', backend],
    ['time', `${seconds.toFixed(0)} s`],
  ];
  return renderPage({
    title: 'Checkpoints merged after the fact',
    verdict: verdict(result),
    body: `${renderTable(rows)}
<p>The network was trained at a constant learning rate, and its weights were saved as files. Each
row but the last is made of those files alone. A decay weighs them so that an update counts less the
later it came, as with a falling learning rate; the mean is the linear decay. The last row is a run
whose rate did fall. One run is one draw: with another seed the numbers move.</p>
<h2>By the number of merged checkpoints</h2>
<div class="plots">
${drawFigures(result)
  .map((figure) => renderFigure(figure, SERIES_LABELS))
  .join('\n')}
</div>
<h2>Settings</h2>
${renderSettings(settings)}`,
  });
}

function countText(count: number): string {
  return count.toLocaleString('en');
}

/** Compares the first merge of the table with the last checkpoint, in a sentence. */
function verdict({ rows, decayed }: MergeResult): string {
  const [last, mean] = rows;
  if (last === undefined || mean === undefined) return '';
  return (
    `The ${mean.name} checkpoints: ${formatAccuracy(mean.accuracy)} % test accuracy. The last ` +
    `one alone: ${formatAccuracy(last.accuracy)} %. Trained with a decayed rate: ` +
    `${formatAccuracy(decayed.accuracy)} %.`
  );
}

function renderTable(rows: MergeResult['rows']): string {
  const best = bestRows(rows);
  const cell = (text: string, isBest: boolean): string =>
    `<td class="number${isBest ? ' best' : ''}">${text}</td>`;
  const lines = rows.map(
    (row) =>
      `<tr><th scope="row">${row.name}</th>` +
      cell(`${formatAccuracy(row.accuracy)} %`, best.accuracy.has(row)) +
      `${cell(formatLoss(row.loss), best.loss.has(row))}</tr>`,
  );
  return `<table class="final">
<thead><tr><th scope="col">weights</th><th scope="col" class="number">test accuracy</th>
<th scope="col" class="number">test loss (nats)</th></tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table>`;
}
