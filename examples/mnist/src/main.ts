// The demo: trains both runs, compares them, writes the report, and checks what it saved.
import { join, relative } from 'node:path';

import { callerFolder, parseOptions } from './options.js';
import { formatFinalTable } from './report/final-table.js';
import { showProgress } from './report/progress.js';
import { writeReport } from './report/report.js';
import { finalRows, verdict } from './report/verdict.js';
import { verifySaved } from './saved/verify.js';
import { trainBoth } from './training/train-both.js';

const options = parseOptions(process.argv.slice(2));
try {
  const result = await trainBoth(options, showProgress(process.stdout));
  const report = join(options.output, 'report.html');
  await writeReport(report, result);
  const lines = [
    '',
    formatFinalTable(finalRows(result.final), process.stdout.isTTY),
    '',
    verdict(result.final, result.settings.testImages),
    await verifySaved(result),
    `Report: ${relative(callerFolder, report)}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
} catch (error) {
  // Left to Node, an error would come after the whole source of tfjs's wasm module, which is one
  // line.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
