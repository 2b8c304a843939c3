// The programs, compiled by each TypeScript with each way to find modules.
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allPackages, PEERS, PROGRAMS } from './programs.js';
import { makeProject } from './project.js';
import type { Report, Row } from './row.js';
import { must, run } from './run.js';
import type { Tarballs } from './tarballs.js';

/** The versions of the full matrix. */
export const TYPESCRIPTS = ['5.9.3', '6.0.3', '7.0.2'];

/** What tsconfig.json says of modules, and whether `require` of an ES module compiles there. */
const RESOLUTIONS = [
  { module: 'esnext', moduleResolution: 'bundler' },
  { module: 'node16', moduleResolution: 'node16', canRequire: false },
  { module: 'nodenext', moduleResolution: 'nodenext', canRequire: true },
];

/** How TypeScript refuses `require` of an ES module. */
const REFUSAL = /error TS(?:1471|1479|1542)/u;

/** Compiles all programs with each TypeScript. */
export async function checkTypes(
  folder: string,
  tarballs: Tarballs,
  versions: readonly string[],
  report: Report,
): Promise<void> {
  const project = join(folder, 'project');
  const tools = { '@types/node': '^22.0.0', 'expect-type': '^1.4.0' };
  const others = { ...PEERS.tfjs, ...PEERS.onnx, ...PEERS.gpujs, ...tools };
  report.say('Install what the types need');
  await makeProject(project, tarballs, { packages: allPackages, others });
  for (const file of await readdir(PROGRAMS)) {
    await copyFile(join(PROGRAMS, file), join(project, file));
  }
  for (const version of versions) {
    const compiler = join(folder, `typescript-${version}`);
    await mkdir(compiler, { recursive: true });
    await must(['npm', 'install', '--no-audit', '--no-fund', `typescript@${version}`], {
      cwd: compiler,
    });
    const tsc = join(compiler, 'node_modules/.bin/tsc');
    for (const { canRequire, ...resolution } of RESOLUTIONS) {
      const where = `TypeScript ${version} ${resolution.moduleResolution}`;
      const include = canRequire === undefined ? ['*.ts'] : ['*.ts', '*.cts'];
      const errors = await compile(tsc, project, resolution, include);
      const ofRequire = errors.filter((line) => line.startsWith('require.cts'));
      const ofModules = errors.filter((line) => !ofRequire.includes(line));
      report.add({ what: 'types', where, ...judged(ofModules) });
      if (canRequire === undefined) continue; // a bundler has no CommonJS of its own
      const found = canRequire ? judged(ofRequire) : refused(ofRequire);
      report.add({ what: 'types of require', where, ...found });
    }
  }
}

/** The errors in files of a project, libraries included. */
async function compile(
  tsc: string,
  project: string,
  resolution: Readonly<Record<string, string>>,
  include: readonly string[],
): Promise<readonly string[]> {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'dom', 'esnext.disposable'],
    ...resolution,
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  };
  const path = join(project, 'tsconfig.json');
  await writeFile(path, JSON.stringify({ compilerOptions, include }));
  const { code, output } = await run([tsc, '--pretty', 'false'], { cwd: project, seconds: 600 });
  const lines = output.split('\n').filter((line) => line.includes('error TS'));
  return code === 0 || lines.length > 0 ? lines : [output];
}

/** The package of others whose types an error lies in: TypeScript's own are among them. */
function ownerOf(line: string): string | undefined {
  const [, name] = /^[^(]*node_modules\/((?:@[^/]+\/)?[^/(]+)/u.exec(line) ?? [];
  return name?.startsWith('@polyak/') ? undefined : name;
}

type Judged = Pick<Row, 'result' | 'note'>;

/** Errors in the types of other packages are named, and not ours to correct. */
function judged(errors: readonly string[]): Judged {
  const ours = errors.filter((line) => ownerOf(line) === undefined);
  if (ours.length > 0) return { result: 'failed', note: ours.join('\n') };
  const others = [...new Set(errors.map(ownerOf))].join(', ');
  return { result: 'ok', note: others && `errors in the types of ${others}` };
}

/** Where TypeScript does not know that Node allows it, it has to say so. */
function refused(errors: readonly string[]): Judged {
  const codes = new Set(errors.map((line) => REFUSAL.exec(line)?.[0] ?? 'other'));
  return errors.length > 0 && !codes.has('other')
    ? { result: 'ok', note: `refused: ${[...codes].join(', ')}` }
    : { result: 'failed', note: errors.join('\n') || 'require compiles' };
}
