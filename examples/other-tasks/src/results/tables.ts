// The tables of the README, in Markdown.
import { markdownTable } from 'markdown-table';

import { RUNS } from '../runs.js';
import type { EpochLine } from '../train.js';
import type { MethodLine } from './methods.js';
import { BASELINE, type Spread, spreadOf, summaries } from './summary.js';

/** Each method of one experiment, the most accurate first. */
export function methodTable(lines: readonly MethodLine[]): string {
  const head = ['method', 'accuracy, %', `less \`${BASELINE}\``, 'better', 'log loss', 'ECE'];
  const rows = summaries(lines).map(({ method, accuracy, logLoss, ece, differences }) => {
    const points = differences.map((difference) => difference.points);
    const better = `${points.filter((point) => point > 0).length} of ${points.length}`;
    const isBaseline = method === BASELINE;
    return [
      `\`${method}\``,
      formatSpread(accuracy, 2),
      isBaseline ? '' : formatSpread(spreadOf(points), 2, '+'),
      isBaseline ? '' : better,
      formatSpread(logLoss, 3),
      ece.mean.toFixed(3),
    ];
  });
  return markdownTable([head, ...rows], { align: ['l', 'r', 'r', 'r', 'r', 'r'] });
}

/** Each candidate rate of one task, with its accuracies on the validation samples. */
export function validationTable(lines: readonly EpochLine[]): string {
  const averages = ['live', 'swa-from-50', 'swa-from-75'];
  const names = RUNS.map(({ name }) => name);
  const rows = lines
    .filter(({ costs }) => costs !== undefined)
    .toSorted((a, b) => names.indexOf(a.run) - names.indexOf(b.run) || a.lr - b.lr)
    .map(({ run, lr, seed, scores }) => [
      `\`${run}\``,
      String(lr),
      String(seed),
      ...averages.map((name) => scores?.[name]?.accuracy.toFixed(2) ?? ''),
    ]);
  return markdownTable([['run', 'rate', 'seed', 'last weights', ...averages.slice(1)], ...rows], {
    align: ['l', 'r', 'r', 'r', 'r', 'r'],
  });
}

function formatSpread({ mean, deviation }: Spread, digits: number, sign: '' | '+' = ''): string {
  const isPositive = Number(mean.toFixed(digits)) > 0;
  return `${isPositive ? sign : ''}${mean.toFixed(digits)} ± ${deviation.toFixed(digits)}`;
}
