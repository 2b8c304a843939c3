// The command line of the trainings.
import { join, resolve } from 'node:path';

import { Command, InvalidArgumentError, Option } from 'commander';
import { TENSORFLOW_BACKENDS } from '@polyak/example-shared/load-tfjs';
import type { TensorFlowBackendName } from '@polyak/example-shared/load-tfjs';

import { TASKS } from './tasks/tasks.js';
import type { Split } from './train.js';

/** What to train. */
export interface TrainOptions {
  readonly tasks: readonly string[];
  readonly seeds: readonly number[];
  /** `validation` trains all candidate rates, `test` the chosen ones. */
  readonly split: Split;
  readonly backend: TensorFlowBackendName;
  readonly output: string;
}

const HOME = join(import.meta.dirname, '..');

/** The options in `args`. What it cannot take ends the process with code 2. */
export function parseOptions(args: readonly string[]): TrainOptions {
  const names = TASKS.map(({ name }) => name);
  const command = new Command('train')
    .description(
      'Trains small networks on three tasks, each with SGD and Adam, and scores their averages. ' +
        'Killed and run again, it goes on with the training that was cut off.',
    )
    .addOption(list('--tasks <list>', 'what to train on', names, (text) => oneOf(names, text)))
    .addOption(list('--seeds <list>', 'all trainings for each', [1, 2, 3], seedOf))
    .addOption(
      new Option('--split <name>', 'scores on the test samples, or all candidate rates on others')
        .choices(['test', 'validation'])
        .default('test'),
    )
    .addOption(
      new Option('--backend <name>', 'auto takes the fastest there is')
        .choices(TENSORFLOW_BACKENDS)
        .default('auto'),
    )
    .addOption(
      new Option('--output <folder>', 'where to write a line for each epoch').default(
        join(HOME, 'output'),
        'examples/other-tasks/output',
      ),
    )
    .showSuggestionAfterError(false) // a refusal is one line
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const options = command.parse(args, { from: 'user' }).opts<TrainOptions>();
  // pnpm runs scripts elsewhere, and says where it was called.
  return {
    ...options,
    output: resolve(process.env['INIT_CWD'] ?? process.cwd(), options.output),
  };
}

function list<Value>(
  flags: string,
  description: string,
  byDefault: readonly Value[],
  parse: (text: string) => Value,
): Option {
  return new Option(flags, `${description}; with commas between`)
    .default(byDefault, byDefault.join())
    .argParser((text: string) => text.split(',').map(parse));
}

function oneOf(names: readonly string[], text: string): string {
  if (names.includes(text)) return text;
  throw new InvalidArgumentError(`Expected names from ${names.join(', ')}.`);
}

function seedOf(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected whole numbers of up to six digits.');
}
