// Commands as a user runs them: without what pnpm has set here, and for a limited time.
import process from 'node:process';
import * as commands from '../../tools/run.js';
import type { Ran, RunOptions } from '../../tools/run.js';

/**
 * What makes a package manager or Node behave otherwise than at a user's: what pnpm and this
 * package's own script have set.
 */
const INHERITED = /^(?:npm_|pnpm_|NODE_OPTIONS$|NODE_PATH$|INIT_CWD$)/iu;

/** The environment of this process at a user's, with other variables. */
function environment(others: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const users = Object.entries(process.env).filter(([name]) => !INHERITED.test(name));
  return { ...Object.fromEntries(users), ...others };
}

/** The options, with defaults: 300 seconds, and `env` added to the user's environment. */
export function usersOptions(options: RunOptions): RunOptions {
  return { seconds: 300, ...options, env: environment(options.env) };
}

/** Runs a command to its end. */
export async function run(command: readonly string[], options: RunOptions): Promise<Ran> {
  return commands.run(command, usersOptions(options));
}

/** Runs a command that has to work, and returns what it wrote. */
export async function must(command: readonly string[], options: RunOptions): Promise<string> {
  return commands.must(command, usersOptions(options));
}
