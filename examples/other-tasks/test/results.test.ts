// What is committed: the methods are those of the lines, the rates those that the validation chose.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { readLines } from '@polyak/example-shared/json-lines';
import { chosenRate } from '../src/results/choice.js';
import { type MethodLine, methodsOf } from '../src/results/methods.js';
import { readResults } from '../src/results/read-results.js';
import { sectionOf } from '../src/results/readme.js';
import { validationTable } from '../src/results/tables.js';
import { RUNS } from '../src/runs.js';
import { TASKS } from '../src/tasks/tasks.js';

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));
const page = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const methods = await readLines<MethodLine>(`${RESULTS}/methods.jsonl`);

describe('the committed results', () => {
  it('have the methods of the lines', async () => {
    expect(methods).toEqual(methodsOf(await readResults(RESULTS, 'test')));
  });

  for (const { name, rates } of TASKS) {
    it(`of ${name} on the validation samples are in the table`, async () => {
      const validation = await readResults(RESULTS, 'validation', [name]);
      const section = sectionOf(page, `${name}, validation`);
      expect(cells(section)).toEqual(cells(validationTable(validation)));
    });

    it(`of ${name} are with the rates that the validation chose`, async () => {
      const validation = await readResults(RESULTS, 'validation', [name]);
      const lines = await readResults(RESULTS, 'test', [name]);
      for (const run of RUNS) {
        expect(chosenRate(validation, run.name)).toBe(rates[run.name]);
        const used = lines.filter((line) => line.run === run.name).map(({ lr }) => lr);
        expect(new Set(used)).toEqual(new Set([rates[run.name]]));
      }
    });
  }
});

/** The rows of a table, however its columns are padded. */
function cells(table: string): readonly (readonly string[])[] {
  return table
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.replace(/-+/, '-').trim()));
}
