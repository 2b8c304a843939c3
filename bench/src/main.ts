// `pnpm bench`: every row against its yardstick. README.md has the options.
import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describeMachine, formatMachine } from './measure/machine.js';
import type { Selection } from './options.js';
import { parseOptions } from './options.js';
import { formatTable } from './report/table.js';
import type { Message, Result, SkippedRows } from './result.js';
import { ROWS } from './rows.js';

const options = parseOptions(process.argv.slice(2), Object.keys(ROWS));
const machine = describeMachine();
const results: Result[] = [];
const skipped: SkippedRows[] = [];
for (const runtime of options.runtimes) await measure(runtime, options);

console.log(`CPU time, float32, medians of paired ratios. ${formatMachine(machine)}`);
console.log(formatTable(results));
for (const { runtime, name, reason } of skipped) {
  console.log(`Skipped: ${[runtime, name].filter(Boolean).join(', ')}: ${reason}`);
}
if (options.json !== undefined) {
  await writeFile(options.json, `${JSON.stringify({ machine, results, skipped }, null, 2)}\n`);
}
for (const { row, timing } of results) {
  if (options.isGated && timing.ratio > (row.gate ?? Infinity)) {
    console.error(
      `"${row.name}" took ${timing.ratio.toFixed(2)} of ${row.against}, more than its gate of ` +
        `${row.gate}.`,
    );
    process.exitCode = 1;
  }
}

async function measure(runtime: string, selection: Selection): Promise<void> {
  const script = fileURLToPath(new URL('runtime.ts', import.meta.url));
  const child = fork(script, [runtime, JSON.stringify(selection)]);
  child.on('message', (message) => {
    const received = message as Message;
    if (received.kind === 'result') results.push(received.result);
    else skipped.push(received.skipped);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`The rows of ${runtime} ended with ${code}.`);
}
