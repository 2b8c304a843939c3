// The command with all its commands, and how it ends.
import { Command, CommanderError } from 'commander';
import { averageCommand } from './commands/average.js';
import { bnUpdateCommand } from './commands/bn-update.js';
import { completionCommand } from './commands/completion.js';
import { convertCommand } from './commands/convert.js';
import { diffCommand } from './commands/diff.js';
import { inspectCommand } from './commands/inspect.js';
import { mergeCommand } from './commands/merge.js';
import { soupCommand } from './commands/soup.js';
import { stateCommand } from './commands/state.js';
import { workerCommand } from './commands/worker.js';
import type { Context } from './context.js';
import { plain } from './context.js';
import { EXIT_CODES, exitCodeOf, exitCodesText, Interruption } from './exit-codes.js';
import { VERSION } from './version.js';

const COMMANDS: readonly ((context: Context) => Command)[] = [
  averageCommand,
  mergeCommand,
  soupCommand,
  inspectCommand,
  diffCommand,
  convertCommand,
  bnUpdateCommand,
  stateCommand,
  workerCommand,
];

const EXAMPLES = `
Examples:
  polyak average 'run/step-*.safetensors' -o mean.safetensors
  polyak average run --from 840000 --to 880000 --decay minus-sqrt -o decayed.safetensors
  polyak merge --method ties --base base.safetensors a.safetensors b.safetensors -o ties.safetensors
  polyak inspect mean.safetensors --verify

polyak COMMAND --help has the options of a command, and more examples.`;

const GOES_ON = ' Where a part of the output was written, --resume goes on.';

/**
 * Runs the command.
 *
 * @param args - what follows its name on the command line
 * @returns the exit code
 */
export async function run(args: readonly string[], context: Context): Promise<number> {
  const program = programOf(context);
  let hasResume = false;
  program.hook('preAction', (_, { options }) => {
    hasResume = options.some(({ long }) => long === '--resume');
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT_CODES.done[0];
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT_CODES.done[0] : EXIT_CODES.usage[0];
    }
    const code = exitCodeOf(error, context.signal);
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const isInterrupted = code === EXIT_CODES.interrupted[0] && !(error instanceof Interruption);
    const text = isInterrupted
      ? `interrupted.${hasResume ? GOES_ON : ''}`
      : asOptions(message, hasResume);
    context.stderr.write(`polyak: ${plain(context.debug ? String(stack) : text)}\n`);
    return code;
  }
}

/** The library's options as those of the command, which may have no `--resume`. */
function asOptions(message: string, hasResume: boolean): string {
  const offered = hasResume ? message : message.replace('`resume` to continue it, or ', '');
  return offered.replaceAll(/`(force|resume)`/gu, '--$1');
}

function programOf(context: Context): Command {
  const program = new Command('polyak')
    .description('Averages, merges, inspects and converts checkpoint files of any size.')
    .version(VERSION)
    .helpCommand(false)
    .addHelpText('after', `${EXAMPLES}\n\n${exitCodesText()}`);
  for (const command of COMMANDS) program.addCommand(command(context));
  program.addCommand(completionCommand(context, program));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showHelpAfterError(`See ${command === program ? '' : 'polyak '}${command.name()} --help.`)
      .configureOutput({
        writeOut: (text) => context.stdout.write(text),
        writeErr: (text) => context.stderr.write(text),
        outputError: (text, write) => write(text.replace(/^error: /u, 'polyak: ')),
      });
  }
  return program;
}
