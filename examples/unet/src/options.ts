// The command line.
import { join, resolve } from 'node:path';
import { TENSORFLOW_BACKENDS } from '@polyak/example-shared/load-tfjs';
import type { TensorFlowBackendName } from '@polyak/example-shared/load-tfjs';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Settings } from './settings.js';

/** What to run. */
export interface RunOptions extends Omit<Settings, 'seed'> {
  readonly seeds: readonly number[];
  /** Whether scores are taken on validation pictures, to choose settings by. */
  readonly validate: boolean;
  readonly backend: TensorFlowBackendName;
  /** The absolute path of the folder to write into. */
  readonly output: string;
}

/** pnpm runs scripts elsewhere, and says where it was called. */
export const callerFolder: string = process.env['INIT_CWD'] ?? process.cwd();

/**
 * The options in `args`. Ends the process after help, and where they are wrong: code 0 or 2.
 *
 * @param args - what follows the script's name on the command line
 */
export function parseOptions(args: readonly string[]): RunOptions {
  const command = new Command('demo:unet')
    .description(
      'Trains a U-Net to find whole digits in cluttered pictures, with a cyclical learning rate, ' +
        'and compares the last iterate, the snapshots of the cycles, their ensemble and the ' +
        'average of their weights. Finished seeds are kept in the output folder.',
    )
    .addOption(
      new Option('--seeds <list>', 'a run of all each; with commas between')
        .default([1], '1')
        .argParser((text: string) => text.split(',').map((part) => whole(part, 0, 2 ** 20))),
    )
    .addOption(count('--pictures <n>', 'pictures to train on', 128, 65_536, 1280))
    .addOption(count('--batch-size <n>', 'pictures a step', 2, 64, 8))
    .addOption(count('--cycles <n>', 'cycles of the learning rate', 1, 1000, 8))
    .addOption(count('--cycle-epochs <n>', 'passes over the pictures in a cycle', 1, 100, 1))
    .addOption(count('--members <n>', 'the last cycles, which are averaged', 1, 1000, 6))
    .addOption(rate('--base-lr <rate>', 'learning rate at the bottom of a cycle', 0.1))
    .addOption(rate('--max-lr <rate>', 'learning rate at the top of a cycle', 0.6))
    .addOption(new Option('--validate', 'score on validation pictures').default(false))
    .addOption(
      new Option('--backend <name>', 'the runtime; auto takes the fastest there is')
        .choices(TENSORFLOW_BACKENDS)
        .default('auto'),
    )
    .addOption(
      new Option('--output <folder>', 'where to write what comes out').default(
        join(import.meta.dirname, '..', 'output'),
        'examples/unet/output',
      ),
    )
    .showSuggestionAfterError(false) // a refusal is one line
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const options = command.parse(args, { from: 'user' }).opts<RunOptions>();
  if (options.members > options.cycles) {
    command.error(`error: --members ${options.members} is above --cycles ${options.cycles}.`);
  }
  return { ...options, output: resolve(callerFolder, options.output) };
}

function count(
  flags: string,
  description: string,
  least: number,
  most: number,
  byDefault: number,
): Option {
  return new Option(flags, `${description}; ${least} to ${most}`)
    .default(byDefault)
    .argParser((text: string) => whole(text, least, most));
}

function rate(flags: string, description: string, byDefault: number): Option {
  return new Option(flags, description).default(byDefault).argParser((text: string) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
    if (value > 0 && value <= 10) return value;
    throw new InvalidArgumentError('Expected a number above 0, at most 10.');
  });
}

function whole(text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
}
