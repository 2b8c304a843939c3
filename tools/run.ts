// Commands in processes of their own, for `release` and `installed`.
import { spawn } from 'node:child_process';
import process from 'node:process';

/** How a command ended. */
export interface Ran {
  /** Its exit code; undefined where it was ended by a signal or took too long. */
  readonly code: number | undefined;
  readonly stdout: string;
  /** What it wrote to stdout and stderr, as it came. */
  readonly output: string;
}

/** Where and how long a command runs. */
export interface RunOptions {
  readonly cwd: string;
  /** Default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: without a limit. */
  readonly seconds?: number;
  /** Called with what it writes, as it does. */
  readonly show?: (text: string) => void;
}

/** Runs a command to its end. */
export async function run(
  [file = '', ...args]: readonly string[],
  { cwd, env = process.env, seconds = 0, show = () => undefined }: RunOptions,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: seconds * 1000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let output = '';
    const add = (text: string): void => {
      output += text;
      show(text);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      add(text);
    });
    child.stderr.setEncoding('utf8').on('data', add);
    child.on('error', reject);
    child.on('close', (code) => {
      const limit = seconds === 0 ? '' : ` (limit ${seconds} s)`;
      if (code === null) output += `\nended by ${child.signalCode}${limit}`;
      resolve({ code: code ?? undefined, stdout, output });
    });
  });
}

/**
 * Runs a command that has to work.
 *
 * @returns what it wrote to stdout
 */
export async function must(command: readonly string[], options: RunOptions): Promise<string> {
  const { code, stdout, output } = await run(command, options);
  if (code === 0) return stdout;
  throw new Error(`${command.join(' ')} failed (${code ?? 'no exit code'}):\n${output}`);
}
