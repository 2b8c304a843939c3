// The options of the command line.
import process from 'node:process';
import { Argument, Command } from 'commander';
import { BUNDLERS } from './bundles.js';
import { RUNTIMES } from './runtimes.js';
import { TYPESCRIPTS } from './types.js';

const PARTS = ['programs', 'types', 'bundles'] as const;

/** A part of the checks. */
type Part = (typeof PARTS)[number];

/** What is checked, and on what. */
export interface Options {
  readonly parts: ReadonlySet<Part>;
  /** A folder that has them. */
  readonly tarballs?: string;
  /** As npm packages and versions: `node@22.23.3`. */
  readonly runtimes: readonly string[];
  /** Versions. */
  readonly typescripts: readonly string[];
  readonly bundlers: readonly string[];
}

/**
 * The options in `args`. Prints the help and ends the process with code 0, or an error with
 * code 2.
 */
export function parseOptions(args: readonly string[]): Options {
  const command = new Command('installed')
    .description(
      'Packs the packages, installs the tarballs in empty projects, and checks that they work ' +
        'there as users have them.',
    )
    .addArgument(new Argument('[parts...]', 'what is checked').choices(PARTS).default([...PARTS]))
    .option('--tarballs <folder>', 'an absolute path; by default all are packed')
    .option('--runtimes <names...>', 'what programs run on, as npm packages', RUNTIMES)
    .option('--typescripts <versions...>', 'what compiles the programs', TYPESCRIPTS)
    .option('--bundlers <names...>', 'what bundles the pages', BUNDLERS)
    .showSuggestionAfterError(false) // a refusal is one line
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(args, { from: 'user' });
  const options = command.opts<Omit<Options, 'parts'>>();
  return { parts: new Set(command.processedArgs[0] as readonly Part[]), ...options };
}
