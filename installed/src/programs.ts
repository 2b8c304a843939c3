// Programs of users, each in a project that has installed no more than it needs, on each runtime.
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { installedVersion, makeProject } from './project.js';
import type { Report } from './row.js';
import { run } from './run.js';
import type { Runtime } from './runtimes.js';
import { findRuntime } from './runtimes.js';
import type { Tarballs } from './tarballs.js';

export const PROGRAMS = fileURLToPath(new URL('../programs/', import.meta.url));

/** A program, and what its README tells users to install. */
interface Program {
  readonly name: string;
  readonly packages: readonly string[];
  readonly others?: Readonly<Record<string, string>>;
  /** Whether its source ends in `.cts`. */
  readonly isCommonJs?: boolean;
  /** Files of `programs` besides the one of its name. */
  readonly imports?: readonly string[];
  /** Runs once with each of these arguments. */
  readonly args?: readonly string[];
}

/** The ranges of the peers that are installed; the newest version in each is. */
export const PEERS = {
  tfjs: { '@tensorflow/tfjs': '^4.22.0', '@tensorflow/tfjs-backend-wasm': '^4.22.0' },
  onnx: { 'onnxruntime-node': '^1.30.0' },
  gpujs: { 'gpu.js': '^2.24.1' },
};

const programs: readonly Program[] = [
  { name: 'cpu', packages: ['@polyak/backend-cpu', '@polyak/core'] },
  { name: 'require', isCommonJs: true, packages: ['@polyak/backend-cpu', '@polyak/core'] },
  { name: 'schedules', packages: ['@polyak/schedules'] },
  { name: 'safetensors', packages: ['@polyak/safetensors'] },
  { name: 'ensemble', packages: ['@polyak/core', '@polyak/ensemble'] },
  { name: 'checkpoints', packages: ['@polyak/checkpoints', '@polyak/core'] },
  { name: 'command', packages: ['@polyak/cli'] },
  { name: 'fleet', packages: ['@polyak/checkpoints', '@polyak/core', '@polyak/fleet'] },
  {
    name: 'tfjs',
    packages: ['@polyak/backend-tfjs', '@polyak/core'],
    others: PEERS.tfjs,
    imports: ['tfjs-training'],
    args: ['cpu', 'wasm'],
  },
  { name: 'onnx', packages: ['@polyak/backend-onnx', '@polyak/core'], others: PEERS.onnx },
  {
    name: 'gpujs',
    packages: ['@polyak/backend-gpujs', '@polyak/core'],
    others: PEERS.gpujs,
    args: ['cpu', 'webasm'],
  },
];

/** All packages that have something to import. */
export const allPackages: readonly string[] = [
  ...new Set(programs.flatMap(({ packages }) => packages)),
];

const MODEL = fileURLToPath(
  new URL('../../packages/backend-onnx/test/fixtures/mlp.onnx', import.meta.url),
);

/** What Node says of `require` of an ES module where it does not allow it. */
const REFUSAL = /require\(\) of ES Module [^]+dynamic import\(\)[^]+ERR_REQUIRE_ESM/u;

/** Runs all programs on the runtimes. */
export async function runPrograms(
  folder: string,
  tarballs: Tarballs,
  runtimes: readonly string[],
  report: Report,
): Promise<void> {
  report.say('Install what each program needs');
  await Promise.all(programs.map(async (program) => install(program, folder, tarballs)));
  for (const wanted of runtimes) {
    const runtime = await findRuntime(wanted, folder);
    if (typeof runtime === 'string') {
      report.add({ what: 'programs', where: wanted, result: 'skipped', note: runtime });
      continue;
    }
    for (const program of programs) await runProgram(program, folder, runtime, report);
  }
}

async function install(program: Program, folder: string, tarballs: Tarballs): Promise<void> {
  const { name, packages, others = {}, imports = [], isCommonJs } = program;
  const project = join(folder, name);
  await makeProject(project, tarballs, { packages, others });
  for (const file of imports) await compile(join(PROGRAMS, `${file}.ts`), project);
  await compile(join(PROGRAMS, `${name}.${isCommonJs ? 'cts' : 'ts'}`), project);
  if (name === 'onnx') await copyFile(MODEL, join(project, 'model.onnx'));
}

/** Runs a program with each of its arguments. */
async function runProgram(
  { name, others = {}, args = [''], isCommonJs }: Program,
  folder: string,
  { command, bin, name: where }: Runtime,
  report: Report,
): Promise<void> {
  const project = join(folder, name);
  const file = `${name}.${isCommonJs ? 'cjs' : 'js'}`;
  const [peer] = Object.keys(others);
  const note = peer ? `${peer} ${await installedVersion(project, peer)}` : '';
  for (const arg of args) {
    const { code, output } = await run([...command, file, arg], {
      cwd: project,
      env: { PATH: [bin, process.env['PATH']].join(delimiter) },
    });
    const what = `${name} ${arg}`.trim();
    if (code === 0) report.add({ what, where, result: 'ok', note });
    else if (isCommonJs && REFUSAL.test(output)) {
      report.add({ what, where, result: 'ok', note: 'refused: Node says to use import()' });
    } else report.add({ what, where, result: 'failed', note: output });
  }
}

/** Makes JavaScript, as Node 20 does not strip types. */
export async function compile(path: string, project: string): Promise<void> {
  const isCommonJs = path.endsWith('.cts');
  const { outputText } = ts.transpileModule(await readFile(path, 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: isCommonJs ? ts.ModuleKind.CommonJS : ts.ModuleKind.ESNext,
    },
  });
  const name = basename(path).replace(/ts$/u, 'js');
  await writeFile(join(project, name), outputText);
}
