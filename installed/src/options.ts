// The options of the command line.
import process from 'node:process';
import { Command } from 'commander';
import { RUNTIMES } from './runtimes.js';

/** What the programs run on. */
export interface Options {
  /** As npm packages and versions: `node@22.23.3`. */
  readonly runtimes: readonly string[];
}

/**
 * The options in `args`. Prints the help and ends the process with code 0, or an error with
 * code 2.
 */
export function parseOptions(args: readonly string[]): Options {
  return new Command('installed')
    .description(
      'Packs the packages, installs the tarballs in empty projects, and runs programs that use ' +
        'them as users do.',
    )
    .option('--runtimes <names...>', 'what programs run on, as npm packages', RUNTIMES)
    .showSuggestionAfterError(false) // a refusal is one line
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(args, { from: 'user' })
    .opts<Options>();
}
