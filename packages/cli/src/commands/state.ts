// polyak state: what a saved state of averages holds.
import { openCheckpoint } from '@polyak/checkpoints/node';
import { PolyakError } from '@polyak/core';
import { openSafetensors } from '@polyak/safetensors';
import { openFile } from '@polyak/safetensors/node';
import { Command } from 'commander';
import type { Context, PrintOptions } from '../context.js';
import { printResult } from '../context.js';
import { parsePath } from '../arguments/parse.js';
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
    .argument('<file>', 'the state, as toSafetensors wrote it', parsePath);
  withPrintOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: PrintOptions) => {
      const refuse = (cause: unknown): Promise<never> => refused(path, cause);
      const source = await openFile(path).catch(refuse);
      try {
        const { metadata, tensors } = await openSafetensors(source).catch(refuse);
        const state = stateIn(path, metadata, tensors.size);
        printResult(context, options, { name: path, state }, stateText(state, tensors));
      } finally {
        await source.close();
      }
    });
}

/** Says what a file is that is not in the format of states: the library knows what to do. */
async function refused(path: string, cause: unknown): Promise<never> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  const message = `${path} holds no state of averages, its format is ${checkpoint.format}.`;
  throw new PolyakError('ERR_STATE', message, { cause });
}
