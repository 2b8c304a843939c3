// polyak convert: other dtypes, files of another size, other names.
import { mean } from '@polyak/checkpoints';
import { Command } from 'commander';
import type { Context } from '../context.js';
import { runMerge } from '../merging.js';
import { parsePath } from '../arguments/parse.js';
import type { NameOptions, OutputOptions, RunOptions } from '../arguments/options.js';
import {
  mergeOptionsOf,
  withNameOptions,
  withOutputOptions,
  withRunOptions,
} from '../arguments/options.js';

const EXAMPLES = `
Examples:
  polyak convert model.safetensors --dtype bfloat16 --shards 5GB -o small.safetensors
  polyak convert model.safetensors --rename 'module.*=*' -o plain.safetensors`;

/** The command `convert`. */
export function convertCommand(context: Context): Command {
  const command = new Command('convert')
    .summary('other dtypes, shards, names')
    .description('Writes a checkpoint with another dtype, in shards, or under other names.')
    .argument('<checkpoint>', 'the file', parsePath);
  withNameOptions(command);
  withOutputOptions(command);
  withRunOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (input: string, options: NameOptions & OutputOptions & RunOptions) => {
      await runMerge(context, options, {
        label: 'convert',
        inputs: [input],
        output: options.output,
        options: { ...mergeOptionsOf(options), method: mean(1), nonFinite: 'propagate' },
      });
    });
}
