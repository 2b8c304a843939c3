// The committed results: the table of the README is that of the lines.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sortedMethods } from '@polyak/example-shared/method-lines';
import type { MethodLine } from '../src/results/methods.js';
import { formatTable, tableOf } from '../src/results/table.js';
import type { CycleLine } from '../src/run-seed.js';

describe('the committed results', () => {
  const read = (file: string): string =>
    readFileSync(join(import.meta.dirname, '..', file), 'utf8');
  const parse = (file: string): readonly unknown[] =>
    read(file)
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as unknown);
  const committed = parse('results/methods.jsonl') as readonly MethodLine[];
  const seeds = [...new Set(committed.map(({ seed }) => seed))];

  it('are of three seeds, sorted', () => {
    expect(seeds).toEqual([1, 2, 3]);
    expect(sortedMethods(committed)).toEqual(committed);
  });

  it('are the table of the README', () => {
    const squeeze = (text: string): string =>
      text.replaceAll(/ +/g, ' ').replaceAll(/-{2,}/g, '--').replaceAll('**', '');
    expect(squeeze(read('README.md'))).toContain(squeeze(formatTable(tableOf(committed))));
  });

  it.each(seeds)('agree with the cycles of seed %i', (seed) => {
    const cycles = parse(`results/seed-${seed}.jsonl`) as readonly CycleLine[];
    const scoreOf = (method: string): MethodLine | undefined =>
      committed.find((line) => line.seed === seed && line.method === method);
    expect(cycles.at(-1)?.snapshot.iou).toBe(scoreOf('last')?.iou);
    expect(cycles.slice(2, -1).map(({ snapshot }) => snapshot.iou)).toEqual(
      [3, 4, 5, 6, 7].map((cycle) => scoreOf(`snapshot-${cycle}`)?.iou),
    );
    expect(cycles.at(-1)?.average?.iou).toBeCloseTo(scoreOf('average-bn-update')?.iou ?? NaN, 4);
  });
});
