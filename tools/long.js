// Long runs on every backend, or on those that are named, such as `cpu:wasm`: that memory and time
// of updates stay what they are, and errors within their bounds. Prints a table.
import { spawnSync } from 'node:child_process';

const names = process.argv.slice(2);
const only = names.length > 0 ? ['-t', names.join('|')] : [];
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'tests/long/', '--disable-console-intercept', ...only],
  { stdio: 'inherit', env: { ...process.env, POLYAK_LONG: '1' } },
);
process.exitCode = status ?? 1;
