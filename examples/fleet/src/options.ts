// The command line of the example.
import { join, resolve } from 'node:path';
import type { BackendName } from '@polyak/example-mnist/run';
import { callerFolder, countOption } from '@polyak/example-shared/command-line';
import { Command, Option } from 'commander';

/** What to run. */
export interface FleetOptions {
  readonly seed: number;
  /** Of the first phase, in batches of 256 on one worker. */
  readonly firstSteps: number;
  /** Of the second phase, in batches of 128 on each worker. */
  readonly steps: number;
  readonly workers: number;
  readonly trainImages: number;
  readonly backend: BackendName;
  /** Where Redis is; started here where it is not given. */
  readonly redis?: string;
  /** The absolute path of the folder to write into. */
  readonly output: string;
}

/**
 * The options in `args`. Ends the process after help, and where they are wrong.
 *
 * @param args - what follows the script's name on the command line
 */
export function parseOptions(args: readonly string[]): FleetOptions {
  const command = new Command('demo:fleet')
    .description(
      'Trains a small convolutional network on MNIST digits by SWAP: one worker in large ' +
        'batches, then several apart, and their average. Kills one worker on the way.',
    )
    .addOption(countOption('--seed <n>', 'decides images, initial weights and batch order', 0, 1))
    .addOption(countOption('--first-steps <n>', 'of the first phase, in batches of 256', 1, 62))
    .addOption(countOption('--steps <n>', 'of each worker after it, in batches of 128', 1, 42))
    .addOption(countOption('--workers <n>', 'worker processes', 2, 3))
    .addOption(
      countOption('--train-images <n>', 'how many images to train on, to 60000', 256, 6400),
    )
    .addOption(
      new Option('--backend <name>', 'the runtime')
        .choices(['auto', 'cpu', 'wasm', 'tfjs-node', 'tfjs-node-gpu', 'onnx', 'gpujs'])
        .default('auto'),
    )
    .option('--redis <url>', 'a Redis that runs; default: one is started')
    .addOption(
      new Option('--output <folder>', 'where to write what comes out').default(
        join(import.meta.dirname, '..', 'output'),
        'examples/fleet/output',
      ),
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const options = command.parse(args, { from: 'user' }).opts<FleetOptions>();
  return { ...options, output: resolve(callerFolder, options.output) };
}
