// Packs the packages, installs them in empty projects, and checks that they work there.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseOptions } from './options.js';
import { runPrograms } from './programs.js';
import { Report } from './row.js';
import { packAll } from './tarballs.js';

const { runtimes } = parseOptions(process.argv.slice(2));
const report = new Report((line) => void process.stdout.write(`${line}\n`));
const folder = await mkdtemp(join(tmpdir(), 'polyak-installed-'));
try {
  const tarballs = await packAll(join(folder, 'tarballs'));
  await runPrograms(join(folder, 'programs'), tarballs, runtimes, report);
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (!report.end()) process.exitCode = 1;
