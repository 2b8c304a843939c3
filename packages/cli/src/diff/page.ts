// The differences of two checkpoints as one HTML file that needs nothing else.
import type { TensorDiff } from '@polyak/checkpoints/inspect';
import { countText, numberText } from '../text.js';
import { drawMoved, thinned } from './plot.js';
import type { Moved } from './plot.js';

// As many rows as a browser shows without delay.
const MOST_ROWS = 2000;

const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --edge: #dfe3e8; --ink: #1b1f24; --muted: #59636e; --moved: #0072b2;
  --plot-background: var(--ground);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111418; --edge: #2c333b; --ink: #e8ebee; --muted: #9aa5b1; --moved: #56b4e9;
  }
}
body {
  margin: 0 auto; padding: 2rem 1.25rem; max-width: 72rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
p { color: var(--muted); }
svg { display: block; width: 100%; height: auto; font: 13px system-ui, sans-serif; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--edge); }
th { text-align: left; font-weight: 400; overflow-wrap: anywhere; }
td { text-align: right; white-space: nowrap; }
thead { color: var(--muted); }
`.trim();

/** A tensor that both checkpoints have. */
type Compared = Extract<TensorDiff, { readonly kind: 'both' }>;

/**
 * The page of a difference.
 *
 * @param names - of the two checkpoints
 * @param rows - all rows, in order
 * @returns HTML without references to other files or hosts
 */
export function diffPage(names: readonly [string, string], rows: readonly TensorDiff[]): string {
  const title = `${escapeHtml(names[0])} and ${escapeHtml(names[1])}`;
  const moved = rows.flatMap((row, index): readonly Moved[] => {
    if (row.kind !== 'both' || row.values === undefined) return [];
    const { relativeRms } = row.values;
    return Number.isFinite(relativeRms) ? [{ index, name: row.name, relativeRms }] : [];
  });
  const dots = thinned(moved);
  const thinning =
    dots.length < moved.length ? ' A dot stands for neighbours: the one that moved most.' : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>${title}</h1>
<p>${summary(rows)} The rms of each difference is relative to the rms of the tensor in the
first checkpoint. Hollow dots: no difference.${thinning}</p>
${drawMoved(dots, rows.length)}
${table(rows)}
</body>
</html>
`;
}

function summary(rows: readonly TensorDiff[]): string {
  const compared = rows.filter((row) => row.kind === 'both');
  const same = compared.filter(({ isSame }) => isSame).length;
  const counts: readonly (readonly [number, string])[] = [
    [same, 'equal to the last bit'],
    [compared.length - same, 'different'],
    [rows.filter(({ kind }) => kind === 'shape').length, 'of other shapes'],
    [rows.filter(({ kind }) => kind === 'first only').length, 'in the first only'],
    [rows.filter(({ kind }) => kind === 'second only').length, 'in the second only'],
  ];
  const parts = counts.flatMap(([count, text]) => (count > 0 ? [`${count} ${text}`] : []));
  return `${countText(rows.length, 'tensor')}: ${parts.join(', ')}.`;
}

function table(rows: readonly TensorDiff[]): string {
  const shown = shownOf(rows);
  const note =
    shown.length < rows.length
      ? `<p>The table has those ${shown.length} of ${rows.length} tensors that differ most.</p>\n`
      : '';
  return `${note}<div>
<table>
<thead><tr><th scope="col">tensor</th><th scope="col">shape</th><th scope="col">dtype</th>
<th scope="col">largest difference</th><th scope="col">rms</th><th scope="col">relative rms</th>
<th scope="col">cosine</th><th scope="col">not finite</th></tr></thead>
<tbody>
${shown.map(tableRow).join('\n')}
</tbody>
</table>
</div>`;
}

/** All rows, or those that differ most, in the order of the file. */
function shownOf(rows: readonly TensorDiff[]): readonly TensorDiff[] {
  if (rows.length <= MOST_ROWS) return rows;
  const ranked = rows.map((row, index) => ({ row, index, rank: rankOf(row) }));
  ranked.sort((a, b) => b.rank - a.rank);
  const kept = ranked.slice(0, MOST_ROWS);
  kept.sort((a, b) => a.index - b.index);
  return kept.map(({ row }) => row);
}

function rankOf(row: TensorDiff): number {
  if (row.kind !== 'both') return Number.MAX_VALUE;
  if (row.isSame) return -1;
  const rank = row.values?.relativeRms ?? 0;
  return Number.isNaN(rank) ? 0 : Math.min(rank, Number.MAX_VALUE);
}

function tableRow(row: TensorDiff): string {
  const heading = `<tr><th scope="row">${escapeHtml(row.name)}</th>`;
  if (row.kind === 'both') return `${heading}${comparedCells(row)}</tr>`;
  const text =
    row.kind === 'shape'
      ? row.shapes.map((shape) => `[${shape.join(', ')}]`).join(' and ')
      : `in the ${row.kind}`;
  return `${heading}<th colspan="7">${text}</th></tr>`;
}

function comparedCells({ shape, dtypes, isSame, values }: Compared): string {
  const dtype = escapeHtml([...new Set(dtypes)].join(' and '));
  const head = `<th>[${shape.join(', ')}]</th><th>${dtype}</th>`;
  if (isSame) return `${head}<th colspan="5">equal</th>`;
  if (values === undefined) return `${head}<th colspan="5">other bytes</th>`;
  const { largest, rms, relativeRms, cosine, nonFinite } = values;
  const cells = [largest, rms, relativeRms, cosine].map(numberText);
  return head + [...cells, nonFinite].map((cell) => `<td>${cell}</td>`).join('');
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
