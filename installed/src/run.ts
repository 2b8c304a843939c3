// Commands that the checks run.
import { spawn } from 'node:child_process';
import process from 'node:process';

/** How a command ended. */
export interface Ran {
  /** Its exit code; undefined where it was ended by a signal or took too long. */
  readonly code: number | undefined;
  /** What it wrote to stdout and stderr. */
  readonly output: string;
}

/** Where and how long a command runs. */
export interface RunOptions {
  readonly cwd: string;
  /** Variables besides those of this process; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default 300. */
  readonly seconds?: number;
}

/**
 * What makes a package manager or Node behave otherwise than at a user's: what pnpm and this
 * package's own script have set.
 */
const INHERITED = /^(?:npm_|pnpm_|NODE_OPTIONS$|NODE_PATH$|INIT_CWD$)/iu;

/** Runs a command to its end. */
export async function run(
  [file = '', ...args]: readonly string[],
  { cwd, env = {}, seconds = 300 }: RunOptions,
): Promise<Ran> {
  const inherited = Object.entries(process.env).filter(([name]) => !INHERITED.test(name));
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: seconds * 1000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const add = (text: Buffer): void => void (output += text.toString());
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.on('error', reject);
    child.on('close', (code) => {
      const late = code === null ? `\nended by ${child.signalCode} (limit ${seconds} s)` : '';
      resolve({ code: code ?? undefined, output: output + late });
    });
  });
}

/** Runs a command that has to work, and returns what it wrote. */
export async function must(command: readonly string[], options: RunOptions): Promise<string> {
  const { code, output } = await run(command, options);
  if (code === 0) return output;
  throw new Error(`${command.join(' ')} failed (${code ?? 'no exit code'}):\n${output}`);
}
