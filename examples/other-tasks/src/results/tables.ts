// The tables of the README, in Markdown: what the validation measured.
import { markdownTable } from 'markdown-table';

import { RUNS } from '../runs.js';
import type { EpochLine } from '../train.js';

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
