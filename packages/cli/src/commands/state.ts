// polyak state: what a saved state of averages holds.
import { Command } from 'commander';
import type { Context, PrintOptions } from '../context.js';
import { printResult } from '../context.js';
import { openCheckpoint } from '../library.js';
import { withPrintOptions } from '../arguments/options.js';
import { stateIn, stateText } from '../reading/state-outline.js';

const EXAMPLES = `
Example:
  polyak state swa.safetensors`;

/** The command `state`. */
export function stateCommand(context: Context): Command {
  const command = new Command('state')
    .summary('what a saved state of averages holds')
    .description('Prints the averages, counters and settings of a state that Polyak wrote.')
    .argument('<file>', 'the state, as toSafetensors wrote it');
  withPrintOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: PrintOptions) => {
      const checkpoint = await openCheckpoint(path);
      try {
        const { name, metadata, tensors } = checkpoint;
        const state = stateIn(name, metadata);
        printResult(context, options, { name, state }, stateText(state, tensors));
      } finally {
        await checkpoint.close();
      }
    });
}
