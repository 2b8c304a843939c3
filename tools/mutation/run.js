// Changes the sources one operator, condition or block at a time, and runs the tests on each such
// mutant: a mutant that survives is code that no test needs. It works on a clone of what is
// committed, outside this folder, with StrykerJS, which is installed there only. The clone is kept:
// the next run tests only what has changed since. Other arguments are those of `stryker run`.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ROOT } from '../sources.js';

const STRYKER = '10.1.1';
const CLONE = join(tmpdir(), 'polyak-mutation');

if (!process.features.typescript) {
  console.error(`mutation: this needs Node 22.18 or newer, this is ${process.version}.`);
  process.exit(1);
}

function run(command, ...args) {
  execFileSync(command, args, { cwd: CLONE, stdio: 'inherit' });
}

const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
if (!existsSync(CLONE)) execFileSync('git', ['clone', '--quiet', ROOT, CLONE]);
run('git', 'fetch', '--quiet', ROOT, commit);
run('git', 'checkout', '--quiet', '--force', '--detach', commit);
const packages = ['api', 'core'].map((name) => `@stryker-mutator/${name}@${STRYKER}`);
run('npx', '-y', 'pnpm@12', 'add', '--silent', '--workspace-root', '--save-dev', ...packages);

const given = ['run', 'tools/mutation/stryker.config.json', ...process.argv.slice(2)];
// StrykerJS loads the runner in its own process too, where its imports must be found.
const program = [
  '--import',
  './tools/mutation/resolve.js',
  'node_modules/@stryker-mutator/core/bin/stryker.js',
];
const { status } = spawnSync(process.execPath, [...program, ...given], {
  cwd: CLONE,
  stdio: 'inherit',
});
if (status === 0) {
  console.log(`mutation: ${join(CLONE, 'reports/mutation/mutation.html')} shows each mutant.`);
}
process.exitCode = status ?? 1;
