// The options of the command line.
import { resolve } from 'node:path';
import process from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Wheel } from './wheel.js';

/** What to do, all paths absolute. */
export interface Options {
  /** Build what is not there yet, and check it; or check only. */
  readonly task: 'build' | 'check';
  /** The project that gets the addon. */
  readonly project: string;
  /** The wheel to fetch, or the folder of a TensorFlow that is there. */
  readonly source: Wheel | { readonly tensorflow: string };
  /** A Python with pip. */
  readonly python: string;
}

const DEFAULT_VERSION = '2.21.0';

/** pnpm runs scripts elsewhere, and says where it was called. */
const callerFolder = process.env['INIT_CWD'] ?? process.cwd();

/**
 * The options in `args`. Prints the help and ends the process with code 0, or an error with
 * code 2.
 *
 * @param args - what follows the script's name on the command line
 */
export function parseOptions(args: readonly string[]): Options {
  const command = new Command('polyak-tensorflow-native')
    .description(
      'Builds the native addon of @tensorflow/tfjs-node-gpu and @tensorflow/tfjs-node against a ' +
        'current TensorFlow, into .tensorflow-native in your project. What is there already is ' +
        'kept: run it again after an interruption.',
    )
    .argument('[task]', 'check: only say whether the addon works', checkTask, 'build')
    .option('--cpu', 'the TensorFlow for CPUs: 270 MB to fetch (the default)')
    .addOption(
      new Option('--gpu', 'the TensorFlow for NVIDIA GPUs, CUDA included: several GB').conflicts(
        'cpu',
      ),
    )
    .addOption(
      new Option('--version <version>', 'of TensorFlow')
        .default(DEFAULT_VERSION)
        .argParser(checkVersion),
    )
    .addOption(
      new Option(
        '--tensorflow <folder>',
        'an installed TensorFlow: the folder of its Python package',
      ).conflicts(['cpu', 'gpu']),
    )
    .option('--python <command>', 'a Python with pip, which fetches TensorFlow', 'python3')
    .option('--project <folder>', 'the project that gets the addon', callerFolder)
    .showSuggestionAfterError(false) // a refusal is one line
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(args, { from: 'user' });
  const { gpu, version, tensorflow, python, project } = command.opts<{
    readonly gpu?: true;
    readonly version: string;
    readonly tensorflow?: string;
    readonly python: string;
    readonly project: string;
  }>();
  return {
    task: command.processedArgs[0] as Options['task'],
    project: resolve(callerFolder, project),
    source:
      tensorflow === undefined
        ? { device: gpu ? 'gpu' : 'cpu', version }
        : { tensorflow: resolve(callerFolder, tensorflow) },
    python,
  };
}

function checkTask(text: string): Options['task'] {
  if (text === 'check') return text;
  throw new InvalidArgumentError('Expected check, or nothing.');
}

function checkVersion(text: string): string {
  if (/^2\.\d+\.\d+$/u.test(text)) return text;
  throw new InvalidArgumentError('Expected a version of TensorFlow 2, such as 2.21.0.');
}
