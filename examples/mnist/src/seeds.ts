// The script `demo:seeds`: the demo with seeds 1 to 5, as they come.
import { join, relative } from 'node:path';
import { writeWhole } from '@polyak/example-shared/write-whole';

import { callerFolder, parseSeedsOptions } from './options.js';
import { formatMethodLines } from './report/method-lines.js';
import { showProgress } from './report/progress.js';
import { formatSeedTables } from './report/seed-table.js';
import type { RunResult } from './run.js';
import { trainBoth } from './training/train-both.js';

const seeds = [1, 2, 3, 4, 5];

const options = parseSeedsOptions(process.argv.slice(2));
try {
  const observer = showProgress(process.stdout);
  const results: RunResult[] = [];
  for (const seed of seeds) {
    observer.note(`Seed ${seed}`);
    const output = join(options.output, `seed-${seed}`);
    results.push(await trainBoth({ ...options, seed, output }, observer));
  }
  const tables = formatSeedTables(results);
  await writeWhole(join(options.output, 'seeds.md'), `${tables}\n`);
  await writeWhole(join(options.output, 'methods.jsonl'), formatMethodLines(results));
  const folder = relative(callerFolder, options.output);
  process.stdout.write(`\n${tables}\n\nWritten to ${folder}: seeds.md, methods.jsonl\n`);
} catch (error) {
  // As in main.ts: left to Node, an error would come after the whole source of tfjs's wasm module.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
