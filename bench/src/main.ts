// `pnpm bench`: every row against its yardstick, which is `dst.set(src)` on the same arrays or the
// plain loop. `pnpm bench --gate` fails where a row exceeds its limit three times in a row: once
// happens on a machine that does something else too.
import { fork } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Measured } from './table.js';
import { formatTable } from './table.js';

const RUNTIMES = ['cpu', 'tfjs', 'onnx', 'gpujs'];

const isGated = process.argv.includes('--gate');
const results: Measured[] = [];
for (const runtime of RUNTIMES) results.push(...(await measured(runtime)));

console.log(
  `CPU time, float32, medians of 31 pairs; ${cpus()[0]?.model ?? 'unknown CPU'}, ` +
    `${availableParallelism()} cores, Node ${process.versions.node}`,
);
console.log(formatTable(results));

for (const { row, timing } of results) {
  if (isGated && timing.ratio > (row.gate ?? Infinity)) {
    console.error(
      `"${row.name}" took ${timing.ratio.toFixed(2)} of ${row.against}, more than its gate of ` +
        `${row.gate}.`,
    );
    process.exitCode = 1;
  }
}

async function measured(runtime: string): Promise<readonly Measured[]> {
  const script = fileURLToPath(new URL('runtime.ts', import.meta.url));
  const child = fork(script, [runtime, isGated ? '3' : '1']);
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as readonly Measured[]));
    child.once('exit', (code) =>
      reject(new Error(`The rows of ${runtime} ended with ${code} and no results.`)),
    );
  });
}
