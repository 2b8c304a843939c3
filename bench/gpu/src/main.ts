// `pnpm bench:gpu`, and `node bench.js` from the archive: measures each runtime on WebGPU, prints
// one table and writes the same as JSON.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runTask } from './child.js';
import type { Message, Task } from './child.js';
import { environmentOf } from './loader.js';
import { parseOptions } from './options.js';
import type { Options } from './options.js';
import { formatReport } from './report.js';
import type { Report, RuntimeResults } from './report.js';
import type { Row } from './rows.js';
import type { RuntimeName } from './runtime.js';

const parent = process.send?.bind(process);
if (parent === undefined) await measureAll(parseOptions(process.argv.slice(2)));
else process.once('message', (task) => void serve(task as Task, parent));

/** In a process of a task. It ends with its parent too: a device would keep it alive. */
async function serve(task: Task, send: (message: Message) => unknown): Promise<void> {
  process.once('disconnect', () => process.exit());
  await runTask(task, send);
  process.disconnect();
}

async function measureAll(options: Options): Promise<void> {
  const results: RuntimeResults[] = [];
  let adapter: Report['adapter'] = { failure: 'unknown' };
  await run({ kind: 'adapter' }, (message) => {
    if (message.kind === 'adapter') ({ adapter } = message);
    if (message.kind === 'failed') adapter = { failure: message.failure };
  });
  console.error(adapter);
  for (const runtime of options.runtimes) results.push(await measured(runtime, options));
  const report: Report = {
    date: new Date().toISOString(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown CPU',
    adapter,
    results,
  };
  writeFileSync(options.json, `${JSON.stringify({ options, ...report }, null, 2)}\n`);
  console.log(formatReport(report));
  console.error(`\nWrote ${options.json}.`);
}

async function measured(runtime: RuntimeName, options: Options): Promise<RuntimeResults> {
  const rows: Row[] = [];
  let results: RuntimeResults = { runtime, versions: {}, rows };
  await run({ kind: 'runtime', runtime, options }, (message) => {
    console.error(runtime, JSON.stringify(message));
    if (message.kind === 'row') rows.push(message.row);
    if (message.kind === 'opened') results = { ...results, versions: message.versions };
    if (message.kind === 'conformance') results = { ...results, conformance: message.conformance };
    if (message.kind === 'failed') results = { ...results, failure: message.failure };
  });
  return results;
}

/** Runs a task in a process of its own. One that dies sends a failure last. */
async function run(task: Task, receive: (message: Message) => void): Promise<void> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [], { env: environmentOf() });
  child.on('message', (message) => receive(message as Message));
  child.send(task);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      if (code !== 0)
        receive({ kind: 'failed', failure: `The process ended with ${signal ?? code}.` });
      resolve();
    });
  });
}
