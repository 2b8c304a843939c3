// The results of several seeds, which scripts/record.ts has measured.
import seedsUrl from '../../data/seeds.json?url';
import type { SeedResult } from '../view.js';
import type { Parts } from './parts.js';
import { percent, table } from './words.js';

/** Draws the table. */
export async function drawSeeds(parts: Parts): Promise<void> {
  const response = await fetch(seedsUrl);
  const results = (await response.json()) as readonly SeedResult[];
  const rows = results.map(({ seed, live, decayed, average }) => [
    String(seed),
    ...[live, decayed, average].map(percent),
  ]);
  const mean = (key: 'live' | 'decayed' | 'average'): string =>
    percent(results.reduce((sum, result) => sum + result[key], 0) / results.length);
  rows.push(['mean', mean('live'), mean('decayed'), mean('average')]);
  const head = ['seed', 'SGD', 'falling rate', 'SWA'];
  parts.table('seeds').replaceChildren(table(head, rows));
}
