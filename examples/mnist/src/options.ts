// The command line of the demo.
import { join, resolve } from 'node:path';

import { Command, InvalidArgumentError, Option } from 'commander';

import { imageCounts } from './mnist.js';
import type { BackendName, RunOptions } from './run.js';

const backendNames: readonly BackendName[] = ['auto', 'cpu', 'wasm', 'tfjs-node', 'tfjs-node-gpu'];

/** The folder that paths on the command line start from: pnpm runs scripts elsewhere, and says where it was called. */
export const callerFolder: string = process.env['INIT_CWD'] ?? process.cwd();

const defaultOutput = join(import.meta.dirname, '..', 'output');

/**
 * The options in `args`. Asked for help, or given what it cannot take, it says so and ends the process: code 0 or 2.
 *
 * @param args - what follows the script's name on the command line
 */
export function parseOptions(args: readonly string[]): RunOptions {
  const command = createCommand().parse(args, { from: 'user' });
  const options = command.opts<RunOptions>();
  return {
    ...options,
    output: options.output === defaultOutput ? defaultOutput : resolve(callerFolder, options.output),
  };
}

function createCommand(): Command {
  return new Command('demo')
    .description(
      [
        'Trains a small convolutional network with batch norm on MNIST digits twice, from the same initial weights',
        'on the same batches: plain SGD, and stochastic weight averaging (SWA). Compares both on all 10,000 test',
        'images and writes an HTML report.',
      ].join('\n'),
    )
    .addOption(
      integerOption(
        '--seed <n>',
        'decides training images, initial weights and batch order',
        0,
        2 ** 32 - 1,
        1,
      ),
    )
    .addOption(integerOption('--epochs <n>', 'passes over the training images, in each run', 1, 1000, 5))
    .addOption(
      integerOption('--train-images <n>', 'how many images to train on', 128, imageCounts.train, 6400),
    )
    .addOption(
      new Option('--backend <name>', 'the TensorFlow.js runtime; auto takes the fastest that is installed')
        .choices(backendNames)
        .default('auto'),
    )
    .addOption(
      new Option(
        '--output <folder>',
        'where to write the report, the averaged model and the SWA state',
      ).default(defaultOutput, 'examples/mnist/output'),
    )
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
}

function integerOption(
  flags: string,
  description: string,
  least: number,
  most: number,
  byDefault: number,
): Option {
  return new Option(flags, `${description}; ${least} to ${most}`)
    .default(byDefault)
    .argParser((text: string) => {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= least && value <= most)) {
        throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
      }
      return value;
    });
}
