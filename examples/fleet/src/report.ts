// The report: one HTML file that needs nothing else.
import * as Plot from '@observablehq/plot';
import { formatAccuracy } from '@polyak/example-mnist/verdict';
import { drawPlot } from '@polyak/example-shared/plots';
import { escapeHtml, renderPage, renderSettings } from '@polyak/example-shared/report-page';
import type { FleetResult } from './result.js';
import { BATCH } from './settings.js';
import { cellsOf, HEADS } from './table.js';

/**
 * The report as an HTML page.
 *
 * @returns the page's source, without any reference to other files or hosts
 */
export function renderReport(result: FleetResult): string {
  const { options, backend, testImages, seconds } = result;
  const settings: readonly (readonly [string, string])[] = [
    ['seed', String(options.seed)],
    ['phase 1', `one worker, ${options.firstSteps} steps of ${BATCH.together} images`],
    ['phase 2', `${options.workers} workers, ${options.steps} steps of ${BATCH.apart} images each`],
    ['training images', options.trainImages.toLocaleString('en')],
    ['tested on', `${testImages.toLocaleString('en')} images, batch norm updated for each row`],
    ['backend', backend],
    ['time of all', `${seconds.toFixed(0)} s`],
  ];
  return renderPage({
    title: 'SWAP by a fleet',
    verdict: verdict(result),
    body: `${renderTable(result)}
<p>“Ready after” counts from the start of each training. Those of the fleet include phase 1, and the
work of the killed process, which another did again. Its workers share the processors of one machine
here. The last row has as many steps as would take the fleet's time at the speed of the row before.
The workers' learning rate was chosen with accuracies on the test images of seed 1 in view. One run
is one draw: with another seed the numbers move.</p>
<h2>The rounds</h2>
<figure>
${drawRounds(result)}
<figcaption>The workers of a round are jobs. Each bar is one, in the process that finished it.
Dashed: what was lost with the killed process.</figcaption>
</figure>
<h2>Settings</h2>
${renderSettings(settings)}`,
  });
}

/** What was measured, in a sentence; one run names no winner. */
function verdict({ rows, killed }: FleetResult): string {
  const text = (name: string): string => {
    const row = rows.find((other) => other.name.startsWith(name));
    return `${formatAccuracy(row?.accuracy ?? NaN)} %`;
  };
  return (
    `The average of the workers: ${text('SWAP')} test accuracy. A single process: ` +
    `${text('single process, same images')} after as many images, ` +
    `${text('single process, same time')} after about the same time. ` +
    (killed === undefined
      ? 'The run ended before a process was killed.'
      : `Process ${killed.process} was killed on the way.`)
  );
}

function renderTable({ rows }: FleetResult): string {
  const head = HEADS.map(
    (name, i) => `<th scope="col"${i === 0 ? '' : ' class="number"'}>${name}</th>`,
  );
  const lines = rows.map((row) => {
    const [name = '', ...numbers] = cellsOf(row);
    const cells = numbers.map((cell) => `<td class="number">${cell}</td>`);
    return `<tr><th scope="row">${escapeHtml(name)}</th>${cells.join('')}</tr>`;
  });
  return `<table class="final">
<thead><tr>${head.join('')}</tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table>`;
}

function drawRounds({ jobs, killed, options }: FleetResult): string {
  const processes = Array.from({ length: options.workers }, (_, i) => `process ${i + 1}`);
  const bars = jobs.map((job) => ({
    ...job,
    row: `process ${job.process}`,
    text: job.round === 0 ? 'phase 1' : `worker ${job.worker + 1}`,
    title: `loss ${job.loss.toFixed(3)} after ${(job.ended - job.started).toFixed(1)} s`,
  }));
  const fill = (phase: number): string => (phase === 0 ? 'var(--sgd)' : 'var(--averaged)');
  const lost = killed === undefined ? [] : [{ ...killed, row: `process ${killed.process}` }];
  return drawPlot('Which process did what, over time', {
    width: 640,
    height: 48 + 44 * processes.length,
    marginTop: 4,
    marginLeft: 80,
    x: { label: 'seconds', grid: true, zero: true },
    y: { label: null, domain: processes },
    marks: [
      Plot.barX(bars, {
        x1: 'started',
        x2: 'ended',
        y: 'row',
        fill: ({ round }: { readonly round: number }) => fill(round),
        title: 'title',
        insetTop: 4,
        insetBottom: 4,
      }),
      Plot.text(bars, {
        x: ({ started, ended }: { started: number; ended: number }) => (started + ended) / 2,
        y: 'row',
        text: 'text',
        fill: 'white',
      }),
      Plot.barX(lost, {
        x1: 'started',
        x2: 'at',
        y: 'row',
        fill: 'none',
        stroke: 'var(--averaged)',
        strokeDasharray: '3 3',
        insetTop: 4,
        insetBottom: 4,
      }),
      Plot.text(lost, {
        x: 'at',
        y: 'row',
        text: () => '✕ killed',
        textAnchor: 'start',
        dx: 6,
        fill: 'var(--ink)',
      }),
    ],
  });
}
