// What the figures depend on: machine, versions, commit and date.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import process from 'node:process';

/** Where and with what the bench ran. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** In GiB. */
  readonly memory: number;
  /** Operating system and processor architecture. */
  readonly system: string;
  /** By name: Node and the runtimes. */
  readonly versions: Readonly<Record<string, string>>;
  /** Marked where the work tree has changes; missing where git does not know. */
  readonly commit?: string;
  /** UTC, to the minute. */
  readonly date: string;
}

const RUNTIMES = ['@tensorflow/tfjs', 'onnxruntime-node', 'gpu.js'];

/** Describes this machine, now. */
export function describeMachine(): Machine {
  const commit = git('rev-parse', '--short=12', 'HEAD');
  const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
    versions: { node: process.versions.node, ...runtimeVersions() },
    ...(commit !== undefined && { commit: isChanged ? `${commit}, changed` : commit }),
    date: `${new Date().toISOString().slice(0, 16)}Z`,
  };
}

/** The description in one line. */
export function formatMachine(machine: Machine): string {
  const { cpu, cores, memory, system, versions, commit, date } = machine;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu}, ${cores} cores, ${memory} GiB, ${system}`,
    ...names,
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    date,
  ].join('; ');
}

function runtimeVersions(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url);
  return Object.fromEntries(
    RUNTIMES.map((name) => {
      const { version } = require(`${name}/package.json`) as { readonly version: string };
      return [name, version];
    }),
  );
}

function git(...args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
