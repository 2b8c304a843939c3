// The command line.
import { join, resolve } from 'node:path';

import { Command, InvalidArgumentError, Option } from 'commander';

import { TENSORFLOW_BACKENDS } from '@polyak/example-shared/load-tfjs';
import type { TensorFlowBackendName } from '@polyak/example-shared/load-tfjs';

/** What to run. */
export interface RunOptions {
  /** The folder with CIFAR-10's binary files. */
  readonly data: string;
  readonly seeds: readonly number[];
  /** The largest budget. */
  readonly epochs: number;
  /** The names of the legs to train; empty for all. */
  readonly legs: readonly string[];
  readonly batchSize: number;
  readonly depth: number;
  readonly width: number;
  readonly rate: number;
  /** The steps from one update of a SWA average to the next. */
  readonly averageEvery: number;
  readonly scoreEvery: number;
  /**
   * Training images to keep out of training, and to take scores on instead of the test images; 0
   * for none.
   */
  readonly validate: number;
  readonly backend: TensorFlowBackendName;
  /** Where to write what comes out. */
  readonly output: string;
}

/**
 * The folder that paths on the command line start from: pnpm runs scripts elsewhere, and says where
 * it was called.
 */
const callerFolder: string = process.env['INIT_CWD'] ?? process.cwd();

/** The commands, which take the same options. */
type CommandName = 'train' | 'measure' | 'flatness';

const DESCRIPTIONS: Readonly<Record<CommandName, string>> = {
  train:
    'Trains a pre-activation ResNet on CIFAR-10: one trunk a seed at a constant learning rate, ' +
    'and endings that go on from it. Killed and run again with the same options, it goes on ' +
    'where it was.',
  measure:
    'Measures all methods whose legs have been trained, each once, and writes methods.jsonl. ' +
    'Takes the options of train.',
  flatness:
    'Measures training loss and test error along random directions around solutions, and writes ' +
    'flatness.jsonl. Takes the options of train.',
};

const HOME = join(import.meta.dirname, '..');

/**
 * The options in `args`. Asked for help, or given what it cannot take, it says so and ends the
 * process: code 0 or 2.
 */
export function parseOptions(name: CommandName, args: readonly string[]): RunOptions {
  const isSeed = isWhole(0, 2 ** 21 - 1);
  const command = new Command(name)
    .description(DESCRIPTIONS[name])
    .addOption(
      new Option(
        '--data <folder>',
        "CIFAR-10's binary files: data_batch_1.bin … and test_batch.bin, or train.bin and test.bin",
      ).default(
        join(HOME, '../../../shared/data/cifar10'),
        '../shared/data/cifar10 beside the project',
      ),
    )
    .addOption(list('--seeds <list>', 'a run of all each', [1], isSeed))
    .addOption(
      number('--epochs <n>', 'the largest budget; a multiple of 20', 100, isMultiple(20, 1000)),
    )
    .addOption(
      new Option(
        '--legs <list>',
        'what to train, such as sgd-100,swa-0.05-100; with commas between',
      )
        .default([], 'all')
        .argParser((text: string) => text.split(',')),
    )
    .addOption(number('--batch-size <n>', 'images a step', 128, isWhole(2, 1024)))
    .addOption(number('--depth <n>', 'layers of the network: 8, 14, 20 …', 8, isDepth))
    .addOption(number('--width <n>', 'filters of its first stage', 16, isWhole(1, 256)))
    .addOption(number('--rate <rate>', 'learning rate of the trunk', 0.1, isRate))
    .addOption(
      number('--average-every <n>', 'steps from one average to the next', 10, isWhole(1, 100_000)),
    )
    .addOption(
      number('--score-every <n>', 'epochs from one score to the next', 5, isWhole(1, 1000)),
    )
    .addOption(
      number(
        '--validate <n>',
        'the last n training images take the place of the test images',
        0,
        isWhole(0, 25_000),
      ),
    )
    .addOption(
      new Option('--backend <name>', 'auto takes the fastest there is')
        .choices(TENSORFLOW_BACKENDS)
        .default('auto'),
    )
    .addOption(
      new Option('--output <folder>', 'where to write what comes out').default(
        join(HOME, 'output'),
        'examples/cifar10/output',
      ),
    )
    .showSuggestionAfterError(false) // a refusal is one line
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const options = command.parse(args, { from: 'user' }).opts<RunOptions>();
  return {
    ...options,
    data: resolve(callerFolder, options.data),
    output: resolve(callerFolder, options.output),
  };
}

/** What a number has to be, in words, and whether it is. */
interface Check {
  readonly expected: string;
  readonly isMet: (value: number) => boolean;
}

function isWhole(least: number, most: number): Check {
  return {
    expected: `a whole number from ${least} to ${most}`,
    isMet: (value) => Number.isInteger(value) && value >= least && value <= most,
  };
}

function isMultiple(of: number, most: number): Check {
  const { expected, isMet } = isWhole(of, most);
  return {
    expected: `${expected}, a multiple of ${of}`,
    isMet: (value) => isMet(value) && value % of === 0,
  };
}

const isDepth: Check = {
  expected: '8, 14, 20 and so on',
  isMet: (value) => value >= 8 && value <= 1202 && value % 6 === 2,
};
const isRate: Check = {
  expected: 'a number above 0, at most 10',
  isMet: (value) => value > 0 && value <= 10,
};

function number(flags: string, description: string, byDefault: number, check: Check): Option {
  return new Option(flags, description)
    .default(byDefault)
    .argParser((text: string) => parse(text, check));
}

function list(
  flags: string,
  description: string,
  byDefault: readonly number[],
  check: Check,
): Option {
  return new Option(flags, `${description}; with commas between`)
    .default(byDefault, byDefault.join())
    .argParser((text: string) => text.split(',').map((part) => parse(part, check)));
}

function parse(text: string, { expected, isMet }: Check): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (isMet(value)) return value;
  throw new InvalidArgumentError(`Expected ${expected}.`);
}
