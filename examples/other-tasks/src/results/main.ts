// The command: makes `methods.jsonl` and the README's tables of rates from the result files.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeWhole } from '@polyak/example-shared/write-whole';

import { writeLines } from '@polyak/example-shared/json-lines';
import { TASKS } from '../tasks/tasks.js';
import { methodsOf } from './methods.js';
import { withSection } from './readme.js';
import { readResults } from './read-results.js';
import { validationTable } from './tables.js';

const home = join(import.meta.dirname, '../..');
const results = join(home, 'results');
const readme = join(home, 'README.md');

const methods = methodsOf(await readResults(results, 'test'));
await writeLines(join(results, 'methods.jsonl'), methods);
let page = await readFile(readme, 'utf8');
for (const { name } of TASKS) {
  const validation = await readResults(results, 'validation', [name]);
  page = withSection(page, `${name}, validation`, validationTable(validation));
}
await writeWhole(readme, page);
