// The programs, compiled by each TypeScript with each way to find modules.
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allPackages, PEERS, PROGRAMS } from './programs.js';
import { makeProject } from './project.js';
import type { Report } from './row.js';
import { must, run } from './run.js';
import type { Tarballs } from './tarballs.js';

/** A way to find modules, as tsconfig.json says it. */
const RESOLUTIONS = {
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  node16: { module: 'node16', moduleResolution: 'node16' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
};

/** The TypeScripts of the full matrix. */
export const TYPESCRIPTS = ['5.9.3', '6.0.3', '7.0.2'];

/** What TypeScript says of `require` of an ES module where it does not allow it. */
const REQUIRED_MODULE = /TS1479|TS1471|TS1542/u;

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
    for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
      const compile = async (what: string, include: string): Promise<readonly string[]> => {
        const compilerOptions = {
          target: 'es2022',
          lib: ['es2023', 'dom', 'esnext.disposable'],
          ...resolution,
          types: ['node'],
          strict: true,
          noEmit: true,
          skipLibCheck: false,
        };
        const path = join(project, `${what}.json`);
        await writeFile(path, JSON.stringify({ compilerOptions, include: [include] }));
        const { code, output } = await run([tsc, '--pretty', 'false', '-p', path], {
          cwd: project,
          seconds: 600,
        });
        const lines = output.split('\n').filter((line) => line.includes('error TS'));
        return code === 0 || lines.length > 0 ? lines : [output];
      };
      const where = `TypeScript ${version}, ${name}`;
      report.add({ what: 'types', where, ...judge(await compile('modules', '*.ts')) });
      // A bundler has no CommonJS of its own.
      if (name === 'bundler') continue;
      const required = await compile('require', '*.cts');
      const ours = required.filter((line) => !ofOthers(line));
      report.add(
        name === 'node16'
          ? { what: 'require', where, ...refusal(ours) }
          : { what: 'require', where, ...judge(required) },
      );
    }
  }
}

/** Whether an error lies in the types of a package that is not ours, which it names. */
function ofOthers(line: string): string | undefined {
  const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/(]+)/u.exec(line) ?? [];
  return name?.startsWith('@polyak/') ? undefined : name;
}

type Judged = { readonly result: 'ok' | 'failed'; readonly note: string };

/** Errors in the types of other packages are named, and not ours to correct. */
function judge(lines: readonly string[]): Judged {
  const ours = lines.filter((line) => ofOthers(line) === undefined);
  if (ours.length > 0) return { result: 'failed', note: ours.join('\n') };
  const others = [...new Set(lines.map(ofOthers))].join(', ');
  return { result: 'ok', note: others && `errors within the types of ${others}` };
}

/** Where TypeScript does not know that Node allows it, it has to say so. */
function refusal(lines: readonly string[]): Judged {
  const [first = 'compiles'] = lines;
  const isClear = lines.length > 0 && lines.every((line) => REQUIRED_MODULE.test(line));
  return { result: isClear ? 'ok' : 'failed', note: isClear ? `refused: ${first}` : first };
}
