// The command line of the example.
import { join, resolve } from 'node:path';
import type { BackendName } from '@polyak/example-mnist/run';
import { callerFolder, countOption } from '@polyak/example-shared/command-line';
import { Command, Option } from 'commander';

/** What to run. */
export interface MergeOptions {
  readonly seed: number;
  readonly epochs: number;
  readonly trainImages: number;
  readonly backend: BackendName;
  /** The absolute path of the folder to write into. */
  readonly output: string;
}

/**
 * The options in `args`. Ends the process after help, and where they are wrong.
 *
 * @param args - what follows the script's name on the command line
 */
export function parseOptions(args: readonly string[]): MergeOptions {
  const command = new Command('demo:merge')
    .description(
      'Trains a small convolutional network on MNIST digits at a constant learning rate, saves ' +
        'its weights every few steps, and merges the files in ways that stand in for a decayed ' +
        'rate.',
    )
    .addOption(countOption('--seed <n>', 'decides images, initial weights and batch order', 0, 1))
    .addOption(countOption('--epochs <n>', 'passes over the training images', 1, 5))
    .addOption(
      countOption('--train-images <n>', 'how many images to train on, to 60000', 256, 6400),
    )
    .addOption(
      new Option('--backend <name>', 'the runtime')
        .choices(['auto', 'cpu', 'wasm', 'tfjs-node', 'tfjs-node-gpu', 'onnx', 'gpujs'])
        .default('auto'),
    )
    .addOption(
      new Option('--output <folder>', 'where to write what comes out').default(
        join(import.meta.dirname, '..', 'output'),
        'examples/merge/output',
      ),
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const options = command.parse(args, { from: 'user' }).opts<MergeOptions>();
  return { ...options, output: resolve(callerFolder, options.output) };
}
