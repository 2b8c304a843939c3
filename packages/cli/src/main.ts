#!/usr/bin/env node
// The command polyak.
import process from 'node:process';
import { EXIT_CODES } from './exit-codes.js';
import { run } from './program.js';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Once: a second signal ends the process at once.
  process.once(signal, () => interruption.abort());
}
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as `head`, closes the pipe.
  if (code === 'EPIPE') return;
  process.stderr.write(`polyak: standard output cannot be written (${message}).\n`);
  process.exitCode = EXIT_CODES.failed[0];
});
// Messages that cannot be written do not end the work.
process.stderr.on('error', () => undefined);

const code = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  debug: process.env['DEBUG'] !== undefined,
});
process.exitCode ??= code;
