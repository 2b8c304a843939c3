// The runtimes that programs run on, from their npm packages.
import { dirname } from 'node:path';
import { run } from './run.js';

/** A runtime that can be started. */
export interface Runtime {
  /** With the version that it says itself: `node 20.19.6`. */
  readonly name: string;
  /** What starts a program, before its path and arguments. */
  readonly command: readonly string[];
  /** The folder of the binary, first on the program's `PATH`. */
  readonly bin: string;
}

/** The runtimes of the full matrix, oldest Node first. */
export const RUNTIMES = [
  'node@20.19.6',
  'node@22.11.0', // the last one without `require` of ES modules
  'node@22.23.3',
  'node@24.21.0',
  'node@26.10.0',
  'bun@1.4.5',
  'deno@2.9.6',
];

const FLAGS: Readonly<Record<string, readonly string[]>> = { deno: ['run', '--allow-all'] };

/**
 * Fetches a runtime.
 *
 * @returns the runtime, or why it cannot be had
 */
export async function findRuntime(wanted: string, cwd: string): Promise<Runtime | string> {
  const [kind = ''] = wanted.split('@');
  const script = `command -v ${kind} && ${kind} --version`;
  const { code, output } = await run(['npx', '-y', '-p', wanted, '-c', script], { cwd });
  const [path = '', version = ''] = output.trim().split('\n');
  if (code !== 0 || version === '') return output.trim() || `exit code ${code}, no output`;
  const command = [path, ...(FLAGS[kind] ?? [])];
  const number = version.replace(/^v|^deno | \(.*/gu, '');
  return { name: `${kind} ${number}`, command, bin: dirname(path) };
}
