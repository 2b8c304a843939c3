// The results as one HTML file that needs nothing else, in the look of the examples' reports.
import { reportStyle } from '@polyak/example-shared/report-style';
import { formatMachine } from '../measure/machine.js';
import { isTooNoisy } from '../measure/spread.js';
import type { Report, Result } from '../result.js';
import type { GrowthPoint } from '../row.js';
import type { Cost } from '../rows/costs/cost.js';
import { COST_HEADERS, costCells } from './costs.js';
import {
  formatQuartiles,
  formatRatio,
  formatSize,
  formatSkipped,
  nanosecondsPerElement,
} from './format.js';
import { drawGrowth, drawRatios, growthLines } from './plots.js';

const COUNTED: readonly GrowthPoint['by'][] = ['weight', 'update', 'tensor'];

const pageStyle = `
main { display: grid; grid-template-columns: minmax(0, 1fr); }
.plots {
  align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr));
}
.wide { overflow-x: auto; }
.wide table { font-size: 0.875rem; }
.wide th, .wide td { padding-top: 0.25rem; padding-bottom: 0.25rem; }
tbody th { font-weight: 600; padding-top: 1rem; }
`;

/**
 * The page of a run.
 *
 * @param report - the run
 * @returns HTML without references to other files or hosts
 */
export function renderPage(report: Report): string {
  const { machine, results, skipped, costs } = report;
  const targeted = results.filter(({ row }) => row.target !== undefined);
  const figures = [...grouped(results, ({ row, runtime }) => `${row.work}, ${runtime}`)];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Polyak: speed</title>
<style>
${reportStyle}
${pageStyle.trim()}
</style>
</head>
<body>
<main>
<h1>Polyak</h1>
<p class="verdict">What does it cost, and against what else?</p>
<p>
Every figure is a ratio: the CPU time of an operation by that of a yardstick, which ran in turn with
it. The yardstick is a limit, such as a copy of the same bytes, or a peer, which people would
otherwise use. A ratio below 1 is faster than the yardstick. Figures are medians of at least 31
pairs; where the median is not known to a tenth, no number is given.
</p>
<p>${escape(formatMachine(machine))}</p>
<h2>${targeted.length > 0 ? 'Ratios to reach' : 'Rows'}</h2>
${renderTable(targeted.length > 0 ? targeted : results)}
${skipped.map((rows) => `<p>${escape(formatSkipped(rows))}</p>`).join('\n')}
<h2>Where we lose to a peer</h2>
${renderLosses(results)}
<h2>Ratios</h2>
<p>A dot is the median, the bar spans the quartiles. Blue: to a peer. Orange: to a limit.</p>
<div class="plots">
${figures.map(renderRatios).join('\n')}
</div>
${results.some(({ row }) => row.growth !== undefined) ? renderCurves(results) : ''}
${costs.length === 0 ? '' : `<h2>Costs that are no ratios of two times</h2>\n${renderCosts(costs)}`}
<h2>All rows</h2>
${renderTable(results)}
</main>
</body>
</html>
`;
}

function renderTable(results: readonly Result[]): string {
  const groups = [...grouped(results, ({ row }) => row.work)].map(([work, own]) => {
    const title = `<tr><th colspan="7">${escape(work)}</th></tr>`;
    return `<tbody>${title}\n${own.map(renderRow).join('\n')}</tbody>`;
  });
  const number = (header: string): string => `<th class="number">${header}</th>`;
  return `<div class="wide"><table>
<thead><tr><th>operation</th>${number('elements')}${number('ratio')}<th>to</th>
${number('quartiles')}${number('target')}${number('ns/element')}</tr></thead>
${groups.join('\n')}
</table></div>`;
}

function renderCosts(costs: readonly Cost[]): string {
  const line = (tag: 'th' | 'td', cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table>
<thead>${line('th', COST_HEADERS)}</thead>
<tbody>${costs.map((cost) => line('td', costCells(cost))).join('\n')}</tbody>
</table></div>`;
}

function renderRow(result: Result): string {
  const { row, timing } = result;
  const perElement = nanosecondsPerElement(result)?.toFixed(3) ?? '';
  const number = (cell: string): string => `<td class="number">${cell}</td>`;
  return `<tr><td>${escape(row.name)}</td>${number(formatSize(row))}${number(formatRatio(timing))}
<td>${escape(row.against)}</td>${number(formatQuartiles(timing))}
${number(row.target === undefined ? '' : `${row.target}`)}${number(perElement)}</tr>`;
}

/** The rows that take longer than a peer, the worst first. */
export function lossesOf(results: readonly Result[]): readonly Result[] {
  return results
    .filter(({ row, timing }) => row.isPeer === true && timing.ratio > 1 && !isTooNoisy(timing))
    .toSorted((a, b) => b.timing.ratio - a.timing.ratio);
}

function renderLosses(results: readonly Result[]): string {
  const losses = lossesOf(results);
  if (losses.length === 0) return '<p>In no row of this run.</p>';
  const items = losses.map(
    ({ row, timing }) =>
      `<li>${escape(row.work)}, ${escape(row.name)}, ${formatSize(row)}: ` +
      `<b>${formatRatio(timing)}</b> of ${escape(row.against)} ` +
      `(quartiles ${formatQuartiles(timing)}). ${escape(row.note ?? '')}</li>`,
  );
  return `<ul>\n${items.join('\n')}\n</ul>`;
}

function renderRatios([title, results]: readonly [string, readonly Result[]]): string {
  return `<figure>
<h3>${escape(title)}</h3>
${drawRatios(title, results)}
</figure>`;
}

function renderCurves(results: readonly Result[]): string {
  return `<h2>Growth</h2>
<div class="plots">
${COUNTED.map((by) => renderGrowth(by, results)).join('\n')}
</div>`;
}

function renderGrowth(by: GrowthPoint['by'], results: readonly Result[]): string {
  const lines = growthLines(by, results);
  if (lines.length === 0) return '';
  const keys = lines.map(
    ({ name, colour, dashes }) =>
      `<li><svg width="28" height="10" aria-hidden="true"><path d="M1 5H27" stroke="${colour}" ` +
      `stroke-width="2" stroke-dasharray="${dashes}"/></svg>${escape(name)}</li>`,
  );
  return `<figure>
<h3>CPU time per ${by}</h3>
<ul class="legend">${keys.join('')}</ul>
${drawGrowth(by, lines)}
<figcaption>Flat: the time grows no faster than the number of ${by}s.</figcaption>
</figure>`;
}

function grouped(
  results: readonly Result[],
  keyOf: (result: Result) => string,
): ReadonlyMap<string, readonly Result[]> {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const group = groups.get(keyOf(result)) ?? [];
    group.push(result);
    groups.set(keyOf(result), group);
  }
  return groups;
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
