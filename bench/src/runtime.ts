// The rows of one runtime, measured in a process that loads no other: V8 collects garbage in
// proportion to all that is loaded, and a runtime whose results are new arrays would pay for what
// the others brought. Started by main.ts, which it sends the results.
import process from 'node:process';
import type { PairedTiming } from './paired.js';
import { measurePaired } from './paired.js';
import type { Row } from './row.js';
import type { Measured } from './table.js';

/** Each runtime's rows of a size. */
const ROWS: Readonly<Record<string, () => Promise<(elements: number) => readonly Row[]>>> = {
  cpu: async () => (await import('./cpu-rows.js')).cpuRows,
  tfjs: async () => (await import('./tfjs-rows.js')).tfjsRows,
  onnx: async () => (await import('./onnx-rows.js')).onnxRows,
  gpujs: async () => (await import('./gpujs-rows.js')).gpujsRows,
};
const SIZES = [1_000_000, 10_000_000, 30_000_000];

const [runtime = '', trials = '1'] = process.argv.slice(2);
const rowsOf = await ROWS[runtime]?.();
if (rowsOf === undefined) throw new Error(`There are no rows of ${runtime}.`);
const rows = SIZES.flatMap(rowsOf);
const results: Measured[] = [];
for (const [index, row] of rows.entries()) {
  progress(`${runtime} ${index + 1}/${rows.length}: ${row.name}, ${row.elements / 1e6}M`);
  results.push({ row, timing: await measure(row) });
}
progress('');
// Runtimes leave threads and timers behind.
process.send?.(results, () => process.exit());

// Each trial has arrays of its own: how fast memory is depends on the pages that it got.
async function measure(row: Row): Promise<PairedTiming> {
  let timing = await measureOnce(row);
  for (let trial = 1; trial < Number(trials) && timing.ratio > (row.gate ?? Infinity); trial += 1) {
    timing = await measureOnce(row);
  }
  return timing;
}

async function measureOnce(row: Row): Promise<PairedTiming> {
  const { reference, variant, release } = await row.prepare();
  const timing = await measurePaired(reference, variant);
  await release?.();
  return timing;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}
