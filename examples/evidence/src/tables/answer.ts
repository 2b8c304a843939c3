// The table that answers: a row for each average that a table of the page names in `answer=`.
import { mean, pairedDifference } from '@polyak/example-shared/statistics';

import { listOf, optionOf, type Block } from '../blocks.js';
import { Failure } from '../failure.js';
import { methodsOf, valuesOf } from '../lines/measured.js';
import type { MethodLine } from '../lines/method-lines.js';
import { formatValue, isBetter, metricOf } from './metrics.js';
import { formatDifference, formatTable, noteOnIntervals } from './table.js';

const HEAD = ['experiment', 'measure', 'baseline', 'average', 'difference', 'better in'];

/** The table in Markdown. */
export function renderAnswer(blocks: readonly Block[], lines: readonly MethodLine[]): string {
  const rows = blocks
    .filter(({ options }) => options.has('answer'))
    .flatMap((block) => listOf(block, 'answer').map((method) => rowOf(block, lines, method)));
  return [
    formatTable([HEAD, ...rows.map(({ cells }) => cells)]),
    noteOnIntervals(rows.map(({ count }) => count)),
  ]
    .join('\n\n')
    .trim();
}

function rowOf(
  block: Block,
  lines: readonly MethodLine[],
  method: string,
): { readonly cells: readonly string[]; readonly count: number } {
  const [key = ''] = listOf(block, 'metric');
  const metric = metricOf(key);
  const baseline = optionOf(block, 'baseline');
  const methods = methodsOf(block, lines, metric);
  const [base, own] = [baseline, method].map((name) =>
    valuesOf(methods.find((measured) => measured.method === name)?.lines ?? [], metric),
  );
  const difference = base && own && pairedDifference(own, base);
  if (difference === undefined) {
    throw new Failure(
      `${block.place}: "${method}" and "${baseline}" have no seed in common with a measure ` +
        `"${key}". Remove it from answer=…`,
    );
  }
  const { pairs } = difference;
  const cell = (name: string, values: readonly number[]): string =>
    `\`${name}\` ${formatValue(mean(values), metric)}`;
  const wins = pairs.filter(({ value, baseline: other }) => isBetter(value - other, metric)).length;
  return {
    cells: [
      `[${block.heading}](#${anchorOf(block.heading)})`,
      metric.label,
      cell(
        baseline,
        pairs.map(({ baseline: other }) => other),
      ),
      cell(
        method,
        pairs.map(({ value }) => value),
      ),
      formatDifference(difference, metric),
      `${wins} of ${pairs.length} seeds`,
    ],
    count: pairs.length,
  };
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
    .replaceAll(' ', '-');
}
