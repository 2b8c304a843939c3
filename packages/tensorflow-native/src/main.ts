#!/usr/bin/env node
// The command polyak-tensorflow-native.
import process from 'node:process';
import { build, nativeFolder } from './build.js';
import { check } from './check.js';
import { Failure } from './failure.js';
import { parseOptions } from './options.js';

const { task, ...options } = parseOptions(process.argv.slice(2));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
try {
  if (task === 'check') say(check(nativeFolder(options.project)));
  else await build(options, say);
} catch (error) {
  const text = error instanceof Failure ? error.message : (error as Error).stack;
  process.stderr.write(`${String(text)}\n`);
  process.exitCode = 1;
}
