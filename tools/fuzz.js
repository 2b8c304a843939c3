// Runs the fuzzers on, with new seeds. `fuzz inputs` changes arguments, states and files, in rounds
// of as many inputs as the tests have, until there were `--inputs N` (default: a million) or
// `--minutes N` have passed. `fuzz scripts` runs the random scripts of tests/truth: 10,000 on the
// CPU backend, 1,000 on each other. Without a word: both. A seed that fails is printed; `--seed N`
// repeats it.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const PARTS = ['inputs', 'scripts'];
const FUZZERS = ['/test/fuzz/', 'safetensors/test/hostile.test.ts'];
// The tests run a fiftieth of the scripts.
const SCRIPTS = 50;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string' },
    inputs: { type: 'string' },
    seed: { type: 'string' },
  },
});
const odd = positionals.find((part) => !PARTS.includes(part));
if (odd !== undefined) throw new RangeError(`fuzz: expected ${PARTS.join(' or ')}, found ${odd}.`);
const parts = positionals.length === 0 ? PARTS : positionals;
const limit = (name, from, otherwise) => {
  const value = Number(values[name] ?? otherwise);
  if (value >= from) return value;
  throw new RangeError(`fuzz: --${name} is ${values[name]}, expected a number from ${from}.`);
};
const [minutes, inputs] = [limit('minutes', 0, Infinity), limit('inputs', 1, 1e6)];
const [seed, isRepeated] = [limit('seed', 0, 0), values.seed !== undefined];

const folder = mkdtempSync(join(tmpdir(), 'polyak-fuzz-'));
const report = join(folder, 'report.jsonl');
const failed = [];

/** Runs tests with a seed. Ends the command where they are interrupted. */
function round(part, times, ...files) {
  const own = isRepeated ? seed : randomInt(2 ** 31);
  console.log(`fuzz ${part}: seed ${own}`);
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', ...files],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      env: {
        ...process.env,
        POLYAK_FUZZ_SEED: String(own),
        POLYAK_FUZZ_TIMES: String(times),
        POLYAK_FUZZ_REPORT: report,
      },
    },
  );
  if (signal === 'SIGINT') process.exit(130);
  if (status === 0) return;
  failed.push(`${part} --seed ${own}`);
  console.log(stdout, stderr, signal ?? '');
  console.log(`fuzz: failed. Repeat it: npx -y pnpm@12 fuzz ${part} --seed ${own}`);
}

/** What ran so far, by kind. */
function kindsRun() {
  const kinds = new Map();
  if (!existsSync(report)) return kinds;
  for (const line of readFileSync(report, 'utf8').trimEnd().split('\n')) {
    const { kind, inputs: count, seconds, bytes = 0 } = JSON.parse(line);
    const before = kinds.get(kind) ?? { count: 0, seconds: 0, bytes: 0 };
    kinds.set(kind, {
      count: before.count + count,
      seconds: before.seconds + seconds,
      bytes: Math.max(before.bytes, bytes),
    });
  }
  return kinds;
}

const written = (number) => number.toLocaleString('en');
const begun = Date.now();
const isTimeLeft = () => Date.now() < begun + minutes * 60_000;

/** Whether enough inputs have run. */
function isDone() {
  const total = [...kindsRun().values()].reduce((sum, { count }) => sum + count, 0);
  const seconds = Math.round((Date.now() - begun) / 1000);
  console.log(`fuzz inputs: ${written(total)} so far, in ${written(seconds)} s`);
  // Where nothing runs, no number of rounds is enough.
  return isRepeated || total >= inputs || total === 0 || !isTimeLeft();
}

if (parts.includes('inputs')) {
  do round('inputs', 1, ...FUZZERS);
  while (!isDone());
}
if (parts.includes('scripts')) round('scripts', SCRIPTS, 'tests/truth/');

const rows = [...kindsRun()].map(([kind, { count, seconds, bytes }]) => ({
  kind,
  inputs: count,
  seconds: Number(seconds.toFixed(1)),
  'ms each': Number(((1000 * seconds) / count).toFixed(2)),
  'most MiB': bytes > 0 ? Number((bytes / 2 ** 20).toFixed(1)) : '',
}));
console.table(rows);
console.log(`fuzz: ${written(rows.reduce((sum, row) => sum + row.inputs, 0))} inputs`);
rmSync(folder, { recursive: true });
for (const each of failed) console.log(`fuzz: failed: npx -y pnpm@12 fuzz ${each}`);
if (failed.length > 0) process.exitCode = 1;
