// Runs the fuzzers of the tests on, with new seeds, until it is stopped or for `--minutes N`.
// `--seed N` repeats the inputs of one seed. Each fuzzer takes `ROUND` seconds for a seed.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const ROUND = 5;
const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes ?? Infinity);
if (!(minutes > 0)) throw new RangeError(`fuzz: --minutes is ${minutes}, expected more than 0.`);

const end = Date.now() + minutes * 60_000;
const failed = [];
do {
  const seed = values.seed ?? String(randomInt(2 ** 31));
  console.log(`fuzz: seed ${seed}`);
  const { status, signal } = spawnSync('npx', ['vitest', 'run', '/test/fuzz/'], {
    stdio: 'inherit',
    env: { ...process.env, POLYAK_FUZZ_SEED: seed, POLYAK_FUZZ_SECONDS: String(ROUND) },
  });
  if (signal !== null) break;
  if (status === 0) continue;
  failed.push(seed);
  console.log(`fuzz: seed ${seed} failed. Repeat it: npx -y pnpm@12 fuzz --seed ${seed}`);
} while (values.seed === undefined && Date.now() < end);

if (failed.length > 0) {
  console.log(`fuzz: failed with the seeds ${failed.join(', ')}`);
  process.exitCode = 1;
}
