// Builds, checks and packs what would be published; publishes it in the release workflow.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { must } from '../../tools/run.js';
import { cloneAtNextVersion, hasChanges } from './clone.js';
import { parseOptions } from './options.js';
import { reportOf, tableOf } from './report.js';
import { problemsOf } from './requirements.js';
import { missingFiles, tarballsOf } from './tarball.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUTPUT = join(ROOT, '.release');
const PACKAGES = ['--filter', './packages/*'] as const;

const { dryRun } = parseOptions(process.argv.slice(2));
const write = (text: string): void => void process.stdout.write(text);
const say = (line: string): void => write(`${line}\n`);

if (await hasChanges(ROOT)) say('This is the last commit: changes since then are not in it.');
await rm(OUTPUT, { recursive: true, force: true });
const folders = { tarballs: join(OUTPUT, 'tarballs'), sbom: join(OUTPUT, 'sbom') };
for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });

const temporary = await mkdtemp(join(tmpdir(), 'polyak-release-'));
try {
  say('Versions: a clone, installed, at the versions that changesets gives it');
  const clone = await cloneAtNextVersion(ROOT, temporary);

  say('Build and package checks');
  await must(['pnpm', 'check:packages'], { cwd: clone });

  say('Tarballs');
  const tarballs = await tarballsOf(clone, folders.tarballs);
  const problems = tarballs.flatMap((each) => [...problemsOf(each), ...missingFiles(each)]);
  if (problems.length > 0) throw new Error(`release: not ready.\n${problems.join('\n')}`);

  say('SBOMs');
  const sbom = ['sbom', '--prod', '--split', '--sbom-format', 'cyclonedx'];
  const out = join(folders.sbom, '%s-%v.cdx.json');
  await must(['pnpm', ...PACKAGES, ...sbom, '--out', out], { cwd: clone });

  say('Tarballs in empty projects');
  const installed = ['pnpm', 'installed', '--tarballs', folders.tarballs] as const;
  const tested = await must(installed, { cwd: clone, show: write });
  await writeFile(join(OUTPUT, 'installed.md'), tested.slice(tested.indexOf('| what')));

  const changelogs = new Map<string, string>();
  for (const { directory } of tarballs) {
    changelogs.set(directory, await readFile(join(clone, directory, 'CHANGELOG.md'), 'utf8'));
  }
  const report = join(OUTPUT, 'report.md');
  await writeFile(report, reportOf(tarballs, changelogs));
  say(`\n${tableOf(tarballs)}\nFiles and changes of each: ${report}`);

  // What is in the registry already is left out. The tags are those of changesets' action.
  const publish = ['publish', '--access', 'public', '--no-git-checks'];
  if (dryRun) {
    say(await must(['pnpm', ...PACKAGES, ...publish, '--dry-run'], { cwd: clone }));
    say('Nothing was published.');
  } else {
    say(await must(['pnpm', ...PACKAGES, ...publish, '--provenance'], { cwd: clone }));
    say(await must(['pnpm', 'changeset', 'tag'], { cwd: ROOT }));
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}
