// Draws every schedule into one page: examples/schedules/output/schedules.html.
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { writeWhole } from '@polyak/example-shared/write-whole';

import { drawings } from './drawings.js';
import { renderPage } from './page.js';

const folder = join(import.meta.dirname, '..', 'output');
const page = join(folder, 'schedules.html');
await mkdir(folder, { recursive: true });
await writeWhole(page, renderPage(drawings));
process.stdout.write(
  `${drawings.length} schedules: ${relative(process.env['INIT_CWD'] ?? process.cwd(), page)}\n`,
);
