// polyak diff: how two checkpoints differ, tensor by tensor.
import { Command } from 'commander';
import type { Context } from '../context.js';
import { withNameOptions, withPrintOptions } from '../arguments/options.js';

const EXAMPLES = `
Examples:
  polyak diff a.safetensors b.safetensors
  polyak diff a.safetensors b.safetensors --html difference.html`;

/** The command `diff`. */
export function diffCommand(_context: Context): Command {
  const command = new Command('diff')
    .summary('how two checkpoints differ, tensor by tensor')
    .description('Prints the largest and the rms difference and the cosine of each tensor.')
    .argument('<a>', 'a checkpoint')
    .argument('<b>', 'another')
    .option('--html <page>', 'write a picture of the differences');
  withNameOptions(command);
  withPrintOptions(command);
  return command.addHelpText('after', EXAMPLES);
}
