// Packs the packages, installs them in empty projects, and checks that they work there.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { checkBundles } from './bundles.js';
import { parseOptions } from './options.js';
import { runPrograms } from './programs.js';
import { Report } from './row.js';
import { buildAndPack, tarballsIn } from './tarballs.js';
import { checkTypes } from './types.js';

const {
  parts,
  tarballs: packed,
  runtimes,
  typescripts,
  bundlers,
} = parseOptions(process.argv.slice(2));
const report = new Report((line) => void process.stdout.write(`${line}\n`));
const folder = await mkdtemp(join(tmpdir(), 'polyak-installed-'));
const at = (part: string): string => join(folder, part);
try {
  if (packed === undefined) {
    report.say('Build and pack');
    await buildAndPack(at('tarballs'));
  }
  const tarballs = await tarballsIn(packed ?? at('tarballs'));
  if (parts.has('programs')) await runPrograms(at('programs'), tarballs, runtimes, report);
  if (parts.has('types')) await checkTypes(at('types'), tarballs, typescripts, report);
  if (parts.has('bundles')) await checkBundles(at('bundles'), tarballs, bundlers, report);
} finally {
  await rm(folder, { recursive: true, force: true });
}
// What CI can have, it must have.
if (!report.end({ canSkip: process.env['CI'] !== 'true' })) process.exitCode = 1;
