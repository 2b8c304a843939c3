// Runs the fuzzers of the tests on, with new seeds, until it is stopped, for `--minutes N`, or
// until they have had `--inputs N`. `--seed N` repeats the inputs of one seed. Each fuzzer takes
// `ROUND` seconds for a seed; the scripts of tests/truth are counted: 10,000 on the CPU backend,
// 1,000 on each other. At the end it says how many inputs there were of each kind.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROUND = 5;
const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    inputs: { type: 'string' },
    seed: { type: 'string' },
  },
});
const limit = (name) => {
  const value = Number(values[name] ?? Infinity);
  if (!(value > 0)) throw new RangeError(`fuzz: --${name} is ${value}, expected more than 0.`);
  return value;
};
const [minutes, inputs] = [limit('minutes'), limit('inputs')];

const folder = mkdtempSync(join(tmpdir(), 'polyak-fuzz-'));
const report = join(folder, 'report.jsonl');

/** What ran so far: for each kind the number of inputs, and the most bytes that one took. */
function kindsRun() {
  const kinds = new Map();
  if (!existsSync(report)) return kinds;
  for (const line of readFileSync(report, 'utf8').trimEnd().split('\n')) {
    const { kind, inputs: count, bytes = 0 } = JSON.parse(line);
    const { count: before = 0, bytes: most = 0 } = kinds.get(kind) ?? {};
    kinds.set(kind, { count: before + count, bytes: Math.max(most, bytes) });
  }
  return kinds;
}

const totalOf = (kinds) => [...kinds.values()].reduce((sum, { count }) => sum + count, 0);

const end = Date.now() + minutes * 60_000;
const failed = [];
do {
  const seed = values.seed ?? String(randomInt(2 ** 31));
  console.log(`fuzz: seed ${seed}`);
  const { status, signal } = spawnSync('npx', ['vitest', 'run', '/test/fuzz/', 'tests/truth/'], {
    stdio: 'inherit',
    env: {
      ...process.env,
      POLYAK_FUZZ_SEED: seed,
      POLYAK_FUZZ_SECONDS: String(ROUND),
      POLYAK_FUZZ_REPORT: report,
    },
  });
  if (signal !== null) break;
  if (status === 0) continue;
  failed.push(seed);
  console.log(`fuzz: seed ${seed} failed. Repeat it: npx -y pnpm@12 fuzz --seed ${seed}`);
} while (values.seed === undefined && Date.now() < end && totalOf(kindsRun()) < inputs);

const kinds = kindsRun();
for (const [kind, { count, bytes }] of kinds) {
  const memory = bytes > 0 ? `, ${(bytes / 2 ** 20).toFixed(1)} MiB at most for one` : '';
  console.log(`fuzz: ${count.toLocaleString('en')} ${kind}${memory}`);
}
console.log(`fuzz: ${totalOf(kinds).toLocaleString('en')} inputs of ${kinds.size} kinds`);
rmSync(folder, { recursive: true });
if (failed.length > 0) {
  console.log(`fuzz: failed with the seeds ${failed.join(', ')}`);
  process.exitCode = 1;
}
