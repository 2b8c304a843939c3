// The command: trains the seeds that are missing, compares, and writes the report.
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { writeLines } from '@polyak/example-shared/json-lines';
import { loadTfjs } from '@polyak/example-shared/load-tfjs';
import { sortedMethods } from '@polyak/example-shared/method-lines';
import { writeWhole } from '@polyak/example-shared/write-whole';
import { callerFolder, parseOptions } from './options.js';
import type { RunOptions } from './options.js';
import { loadProblem } from './problem.js';
import { showProgress } from './progress.js';
import { renderReport } from './report/report.js';
import { methodLines } from './results/methods.js';
import { readRecord, writeRecord } from './results/records.js';
import type { SeedRecord } from './results/records.js';
import { formatTable, tableOf } from './results/table.js';
import { runSeed } from './run-seed.js';
import type { Settings } from './settings.js';

const options = parseOptions(process.argv.slice(2));
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const inOutput = (file: string): string => join(options.output, file);
const part = options.validate ? 'validation' : 'test';
try {
  await mkdir(options.output, { recursive: true });
  const { tf, name: backend } = await loadTfjs(options.backend, say);
  const problem = await loadProblem(part);
  const records: SeedRecord[] = [];
  for (const seed of options.seeds) {
    const settings = settingsOf(options, seed);
    const path = inOutput(`seed-${seed}.json`);
    let record = await readRecord(path, { part, backend, settings });
    if (record === undefined) {
      const progress = showProgress(process.stdout, settings);
      const run = await runSeed(tf, problem, settings, progress);
      progress.end();
      record = { part, backend, run };
      await writeRecord(path, record);
    }
    records.push(record);
    const cycles = record.run.cycles.map((line) => `${JSON.stringify(line)}\n`);
    await writeWhole(inOutput(`seed-${seed}.jsonl`), cycles.join(''));
  }
  const machine = `${availableParallelism()} cores, ${backend}`;
  const lines = records.flatMap(({ run }) => methodLines(run, machine));
  await writeLines(inOutput('methods.jsonl'), sortedMethods(lines));
  await writeWhole(
    inOutput('report.html'),
    renderReport({ records, lines, scored: problem.scored }),
  );
  say(`\n${formatTable(tableOf(lines))}\n`);
  say(`Report: ${relative(callerFolder, inOutput('report.html'))}`);
} catch (error) {
  // Left to Node, an error would come after the whole source of tfjs's wasm module.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}

function settingsOf(
  { pictures, batchSize, cycles, cycleEpochs, baseLr, maxLr, members }: RunOptions,
  seed: number,
): Settings {
  return { seed, pictures, batchSize, cycles, cycleEpochs, baseLr, maxLr, members };
}
