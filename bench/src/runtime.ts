// The rows of one runtime, measured in a process that loads no other: V8 collects garbage in
// proportion to all that is loaded, and a runtime whose results are new arrays would pay for what
// the others brought. Started by main.ts, which it sends the results.
import process from 'node:process';
import type { PairedTiming } from './measure/paired.js';
import { measurePaired } from './measure/paired.js';
import type { Selection } from './options.js';
import { selectRows } from './options.js';
import type { Message } from './result.js';
import type { Row } from './row.js';
import { Skipped } from './row.js';
import { ROWS } from './rows.js';

const GATE_TRIES = 3;

const [runtime = '', selectionJson = '{}'] = process.argv.slice(2);
const selection = JSON.parse(selectionJson) as Selection;

try {
  const rowsOf = await ROWS[runtime]?.();
  if (rowsOf === undefined) throw new Error(`There are no rows of ${runtime}.`);
  const rows = selectRows(await rowsOf(), selection);
  for (const [index, row] of rows.entries()) {
    progress(`${runtime} ${index + 1}/${rows.length}: ${row.work}, ${row.name}`);
    await report(row);
  }
} catch (error) {
  if (!(error instanceof Skipped)) throw error;
  await send({ kind: 'skipped', skipped: { runtime, reason: error.message } });
}
progress('');
// Runtimes leave threads and timers behind.
process.exit();

async function report(row: Row): Promise<void> {
  try {
    const timing = await measure(row);
    await send({ kind: 'result', result: { runtime, row, timing } });
  } catch (error) {
    if (!(error instanceof Skipped)) throw error;
    await send({ kind: 'skipped', skipped: { runtime, name: row.name, reason: error.message } });
  }
}

// Each try has arrays of its own: how fast memory is depends on the pages that it got.
async function measure(row: Row): Promise<PairedTiming> {
  let timing = await measureOnce(row);
  if (!selection.isGated) return timing;
  for (let tries = 1; tries < GATE_TRIES && timing.ratio > (row.gate ?? Infinity); tries += 1) {
    timing = await measureOnce(row);
  }
  return timing;
}

async function measureOnce(row: Row): Promise<PairedTiming> {
  const { reference, variant, release } = await row.prepare();
  try {
    return await measurePaired(reference, variant, row.pairs);
  } finally {
    await release?.();
  }
}

// A message that was not awaited may be lost when the process ends.
async function send(message: Message): Promise<void> {
  await new Promise((resolve) => process.send?.(message, resolve));
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}
