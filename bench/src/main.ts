// `pnpm bench`: every row against its yardstick, which is `dst.set(src)` on the same arrays but for tfjs. `pnpm bench --gate` fails where a row exceeds its
// limit three times in a row: once happens on a machine that does something else too.
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { cpuRows } from './cpu-rows.js';
import { gpujsRows } from './gpujs-rows.js';
import { onnxRows } from './onnx-rows.js';
import type { PairedTiming } from './paired.js';
import { measurePaired } from './paired.js';
import type { Row } from './row.js';
import type { Measured } from './table.js';
import { formatTable } from './table.js';
import { tfjsRows } from './tfjs-rows.js';

const SIZES = [1_000_000, 10_000_000, 30_000_000];
// Rows of other runtimes: a function like `cpuRows`, and its name here.
const ROWS: readonly ((elements: number) => readonly Row[])[] = [cpuRows, tfjsRows, onnxRows, gpujsRows];

const isGated = process.argv.includes('--gate');
const trials = isGated ? 3 : 1;
const rows = SIZES.flatMap((elements) => ROWS.flatMap((rowsOf) => rowsOf(elements)));
const results: Measured[] = [];
for (const [index, row] of rows.entries()) {
  progress(`${index + 1}/${rows.length} ${row.name}, ${row.elements / 1e6}M`);
  results.push({ row, timing: await measure(row) });
}
progress('');

console.log(
  `CPU time, float32, medians of 31 pairs; ${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, ` +
    `Node ${process.versions.node}`,
);
console.log(formatTable(results));

for (const { row, timing } of results) {
  if (isGated && exceeds(row, timing)) {
    console.error(
      `"${row.name}" took ${timing.ratio.toFixed(2)} of ${row.against}, more than its gate of ${row.gate}.`,
    );
    process.exitCode = 1;
  }
}

// Each trial has arrays of its own: how fast memory is depends on the pages that it got.
async function measure(row: Row): Promise<PairedTiming> {
  let timing = await measureOnce(row);
  for (let trial = 1; trial < trials && exceeds(row, timing); trial += 1) {
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

function exceeds(row: Row, timing: PairedTiming): boolean {
  return row.gate !== undefined && timing.ratio > row.gate;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}
