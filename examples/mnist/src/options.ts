// The command line of the demo.
import { join, resolve } from 'node:path';

import { TENSORFLOW_BACKENDS } from '@polyak/example-shared/load-tfjs';
import { Command, InvalidArgumentError, Option } from 'commander';

import { imageCounts } from './data/mnist.js';
import type { BackendName, RunOptions } from './run.js';

const backendNames: readonly BackendName[] = [...TENSORFLOW_BACKENDS, 'onnx', 'gpujs'];

/**
 * The folder that paths on the command line start from: pnpm runs scripts elsewhere, and says where
 * it was called.
 */
export const callerFolder: string = process.env['INIT_CWD'] ?? process.cwd();

const defaultOutput = join(import.meta.dirname, '..', 'output');

/**
 * The demo's options in `args`. Asked for help, or given what it cannot take, it says so and ends
 * the process: code 0 or 2.
 *
 * @param args - what follows the script's name on the command line
 */
export function parseOptions(args: readonly string[]): RunOptions {
  const seedOption = integerOption(
    '--seed <n>',
    'decides training images, initial weights and batch order',
    0,
    2 ** 32 - 1,
    1,
  );
  const command = createCommand('demo')
    .description(`${summary} Compares both on all 10,000 test images and writes an HTML report.`)
    .addOption(seedOption);
  return withAbsoluteOutput(command.parse(args, { from: 'user' }).opts<RunOptions>());
}

/**
 * The options of `demo:seeds` in `args`: those of the demo but the seed. Ends the process as
 * {@link parseOptions} does.
 */
export function parseSeedsOptions(args: readonly string[]): Omit<RunOptions, 'seed'> {
  const command = createCommand('demo:seeds').description(
    `${summary} Does so with seeds 1 to 5 and puts the results on all 10,000 test images in a ` +
      'Markdown table.',
  );
  return withAbsoluteOutput(command.parse(args, { from: 'user' }).opts<Omit<RunOptions, 'seed'>>());
}

const summary =
  'Trains a small convolutional network with batch norm on MNIST digits twice, from the same ' +
  'initial weights on the same batches: plain SGD, and stochastic weight averaging (SWA).';

function withAbsoluteOutput<Options extends { readonly output: string }>(
  options: Options,
): Options {
  return { ...options, output: resolve(callerFolder, options.output) };
}

function createCommand(name: string): Command {
  return new Command(name)
    .addOption(
      integerOption('--epochs <n>', 'passes over the training images, in each run', 1, 1000, 5),
    )
    .addOption(
      integerOption(
        '--train-images <n>',
        'how many images to train on',
        128,
        imageCounts.train,
        6400,
      ),
    )
    .addOption(
      new Option(
        '--backend <name>',
        'a TensorFlow.js runtime, auto for the fastest installed; onnx; or gpujs',
      )
        .choices(backendNames)
        .default('auto'),
    )
    .addOption(
      new Option('--output <folder>', 'where to write what comes out').default(
        defaultOutput,
        'examples/mnist/output',
      ),
    )
    .showSuggestionAfterError(false) // a refusal is one line
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
