// A test runner of StrykerJS that imports the tests once and calls those that reach a mutant, the
// fastest files first, in one process: milliseconds a mutant, where vitest starts anew for each. A
// mutant may leave something behind that fails later tests. So a test that failed is called again
// without the mutant. If it still fails, the process ends: the mutant is tried again as the first
// of a new one, and the next mutant too.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

import { determineHitLimitReached, toMutantRunResult } from '@stryker-mutator/api/test-runner';

import { endSuites, tests } from './vitest.js';

const FILES = [
  'packages/{core,backend-cpu}/test/**/*.test.ts',
  'packages/backend-tfjs/test/training/*.test.ts',
];
/** Takes too long for thousands of mutants, or measures the process. */
const LEFT_OUT = [
  '**/fuzz/**',
  '**/conformance/broken.test.ts', // it tests the suite, which is not mutated
  '**/accuracy.test.ts',
  '**/kernel-bytes.test.ts', // it tests another program
  '**/many.test.ts',
  '**/state-bytes-large.test.ts',
];
const TOO_LONG = /large tensor|large hal|every element|100,000 updates|any byte changed|4 GiB/;

/** Whether the mutants of a source file meet the tests of a file: those of the same package. */
function areFor(source, file) {
  const isOfSuite = file.includes('/core/test/conformance/');
  const of = isOfSuite ? 'backend-cpu' : file.split('/')[1]; // the suite runs on the CPU backend
  return source.includes(`/packages/${of}/`);
}

/** The time of each file's tests, for the order; each of StrykerJS's processes reads it. */
const DURATIONS = 'reports/mutation/durations.json';
const PASSED = 0;
const FAILED = 1;
const SPOILT = 'An earlier mutant left something behind.';

const stryker = (globalThis['__stryker__'] ??= {}); // where mutated sources look
let unhandled;
process.on('unhandledRejection', (error) => (unhandled = error));
process.on('uncaughtException', (error) => (unhandled = error));

let lastFile;

async function call({ id, file, run }) {
  if (file !== lastFile) await endSuites();
  lastFile = file;
  unhandled = undefined;
  const start = performance.now();
  let failure;
  try {
    await run();
    await setImmediate();
    failure = unhandled;
  } catch (error) {
    failure = error ?? 'nothing was thrown';
  }
  const timeSpentMs = performance.now() - start;
  // By the file, StrykerJS sees which tests have changed since the last run.
  const result = { id, name: id, fileName: resolve(file), timeSpentMs };
  if (failure === undefined) return { ...result, status: PASSED };
  const failureMessage = failure instanceof Error ? failure.message : inspect(failure);
  return { ...result, status: FAILED, failureMessage };
}

class Runner {
  #tests = new Map();
  #isFirst = true;
  #isSpoilt = false;

  capabilities() {
    return { reloadEnvironment: false };
  }

  async init() {
    for (const file of globSync(FILES, { exclude: LEFT_OUT }).toSorted()) {
      const before = tests.length;
      await import(pathToFileURL(resolve(file)).href);
      for (const { name, run } of tests.slice(before)) {
        if (TOO_LONG.test(name)) continue;
        let id = `${file}#${name}`;
        while (this.#tests.has(id)) id += "'";
        this.#tests.set(id, { id, file, run });
      }
    }
  }

  async dryRun({ files = [] }) {
    const results = [];
    const durations = {};
    for (const test of this.#tests.values()) {
      if (!files.some((file) => areFor(file, test.file))) continue;
      stryker.currentTestId = test.id;
      const result = await call(test);
      stryker.currentTestId = undefined;
      results.push(result);
      durations[test.file] = (durations[test.file] ?? 0) + result.timeSpentMs;
    }
    mkdirSync(dirname(DURATIONS), { recursive: true });
    writeFileSync(DURATIONS, JSON.stringify(durations));
    return { status: 'complete', tests: results, mutantCoverage: stryker.mutantCoverage };
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    if (this.#isSpoilt) throw new Error(SPOILT);
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const durations = JSON.parse(readFileSync(DURATIONS, 'utf8'));
    const chosen = new Set(testFilter);
    const reached = [...this.#tests.values()]
      .filter(({ id, file }) => chosen.has(id) && areFor(activeMutant.fileName, file))
      .toSorted((a, b) => durations[a.file] - durations[b.file]);

    Object.assign(stryker, { activeMutant: activeMutant.id, hitCount: 0, hitLimit });
    const results = [];
    let failed;
    for (const test of reached) {
      const result = await call(test);
      results.push(result);
      if (result.status === FAILED) failed = test;
      if (failed) break;
    }
    const timeout = determineHitLimitReached(stryker.hitCount, hitLimit);
    Object.assign(stryker, { activeMutant: undefined, hitLimit: undefined });
    await endSuites();
    if (failed) this.#isSpoilt = (await call(failed)).status === FAILED;
    await endSuites();
    if (this.#isSpoilt && !isFirst) throw new Error(SPOILT);
    return toMutantRunResult(timeout ?? { status: 'complete', tests: results });
  }
}

export const strykerPlugins = [
  { kind: 'TestRunner', name: 'one-process', injectableClass: Runner },
];
