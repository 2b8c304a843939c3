// The results of several seeds, which scripts/record.ts has measured.
import seedsUrl from '../../data/seeds.json?url';
import type { Means, SeedResults } from '../view.js';
import type { Parts } from './parts.js';
import { percent, table } from './words.js';

/** Draws the table, and fills the numbers into the sentences above it. */
export async function drawSeeds(parts: Parts): Promise<void> {
  const response = await fetch(seedsUrl);
  const { seeds, mean, rightLabels, lowRate } = (await response.json()) as SeedResults;
  const row = (name: string, { live, decayed, average }: Means): string[] => [
    name,
    ...[live, decayed, average].map(percent),
  ];
  const rows = [...seeds.map((result) => row(String(result.seed), result)), row('mean', mean)];
  const bothOf = ({ decayed, average }: Means): string =>
    `${percent(decayed)} and ${percent(average)}`;
  parts.text('right-labels').textContent = bothOf(rightLabels);
  parts.text('low-rate').textContent = bothOf(lowRate);
  const head = ['seed', 'SGD', 'falling rate', 'SWA'];
  parts.table('seeds').replaceChildren(table(head, rows));
}
