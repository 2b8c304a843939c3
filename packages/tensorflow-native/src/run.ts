// Runs pip, npm and the compiler. The user sees their own output.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { Failure } from './failure.js';

/** How {@link run} runs a program. */
export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The remedy, for the message where the program fails. */
  readonly remedy: string;
}

/**
 * Runs a program on this terminal to its end.
 *
 * @throws Failure where it cannot be run or its exit code is not 0
 */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env, remedy }: RunOptions,
): Promise<void> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  });
  const [code, signal] = (await once(child, 'close').catch((error: unknown) => [
    String(error),
  ])) as unknown[];
  if (code === 0) return;
  throw new Failure(
    `${command} ended with ${String(signal ?? code)}, expected 0; see its output above. ${remedy}`,
  );
}

/** Whether a program can be run and ends with 0. */
export function answers(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
