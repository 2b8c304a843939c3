// Other programs: pip, npm and the compiler, whose own progress is the progress that the user sees.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { Failure } from './failure.js';

/** How {@link run} runs a program. */
export interface RunOptions {
  readonly cwd?: string;
  /** Set besides what is set already. */
  readonly env?: Readonly<Record<string, string>>;
  /** What may help where the program fails. */
  readonly remedy: string;
}

/**
 * Runs a program on this terminal to its end.
 *
 * @throws Failure where it cannot be run, or ends otherwise than with 0
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
    `${command} ended with ${String(signal ?? code)}; what it said stands above. ${remedy}`,
  );
}

/** Whether a program can be run and ends with 0. */
export function answers(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
