// The example: trains, merges files, prints a table and writes a page.
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { formatFinalTable } from '@polyak/example-mnist/final-table';
import { callerFolder } from '@polyak/example-shared/command-line';
import { writeWhole } from '@polyak/example-shared/write-whole';
import { parseOptions } from './options.js';
import { renderReport } from './report.js';
import { run } from './run.js';

const options = parseOptions(process.argv.slice(2));
try {
  const result = await run(options, process.stdout);
  const page = join(options.output, 'report.html');
  await mkdir(options.output, { recursive: true });
  await writeWhole(page, renderReport(result));
  process.stdout.write(
    `\n${formatFinalTable(result.rows, process.stdout.isTTY)}\n\n` +
      `Report: ${relative(callerFolder, page)}\n`,
  );
} catch (error) {
  // Left to Node, an error would come after the whole source of tfjs's wasm module.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
