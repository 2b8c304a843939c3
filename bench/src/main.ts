// `pnpm bench`: every row against its yardstick. README.md has the options.
import { fork } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describeMachine, formatMachine } from './measure/machine.js';
import type { Selection } from './options.js';
import { parseOptions } from './options.js';
import { formatComparison } from './report/compare.js';
import { formatCosts } from './report/costs.js';
import { formatSkipped } from './report/format.js';
import { gateFailures } from './report/gate.js';
import { renderPage } from './report/page.js';
import { formatTable } from './report/table.js';
import type { Message, Report, Result, SkippedRows } from './result.js';
import { ROWS } from './rows.js';
import { measureCosts } from './rows/costs.js';

/** What `--runtime` selects beside the files of rows: costs that are no ratios of two times. */
const COSTS = 'costs';

const options = parseOptions(process.argv.slice(2), [...Object.keys(ROWS), COSTS]);
// Read first: a wrong path is known before minutes of measuring.
const base =
  options.compare === undefined
    ? undefined
    : (JSON.parse(await readFile(options.compare, 'utf8')) as Report);

const results: Result[] = [];
const skipped: SkippedRows[] = [];
for (const runtime of options.runtimes) if (runtime !== COSTS) await measure(runtime, options);
const isCosting =
  options.runtimes.includes(COSTS) && !options.isGated && options.works === undefined;
const costs = isCosting ? await measureCosts() : [];
const report: Report = { machine: describeMachine(), results, skipped, costs };

console.log(`CPU time, float32, medians of paired ratios. ${formatMachine(report.machine)}`);
console.log(formatTable(results));
for (const rows of skipped) console.log(formatSkipped(rows));
if (costs.length > 0) console.log(formatCosts(costs));
if (results.length + skipped.length + costs.length === 0) {
  console.error('No row has been measured. bench/README.md lists the kinds of work.');
  process.exitCode = 1;
}
if (base !== undefined) {
  console.log(`\nCompared with: ${formatMachine(base.machine)}`);
  console.log(formatComparison(base, report));
}
if (options.json !== undefined) await write(options.json, `${JSON.stringify(report, null, 2)}\n`);
if (!options.isGated) await write(options.page, renderPage(report));

const failures = options.isGated ? gateFailures(results) : [];
for (const failure of failures) console.error(failure);
if (failures.length > 0) process.exitCode = 1;

async function measure(runtime: string, selection: Selection): Promise<void> {
  const script = fileURLToPath(new URL('runtime.ts', import.meta.url));
  const child = fork(script, [runtime, JSON.stringify(selection)]);
  child.on('message', (message) => {
    const received = message as Message;
    if (received.kind === 'result') results.push(received.result);
    else skipped.push(received.skipped);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code === 0) return;
  // The rows of other runtimes are worth their minutes.
  console.error(`The rows of ${runtime} ended with ${code}: the last that was named failed.`);
  process.exitCode = 1;
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  console.error(`Wrote ${path}`);
}
