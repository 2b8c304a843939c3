// polyak completion: a script that completes the command in a shell. It is made from the commands
// themselves. Arguments complete as file names.
import type { Option } from 'commander';
import { Argument, Command } from 'commander';
import type { Context } from '../context.js';

const EXAMPLES = `
Examples:
  source <(polyak completion bash)                                # in ~/.bashrc
  source <(polyak completion zsh)                                 # in ~/.zshrc, after compinit
  polyak completion fish > ~/.config/fish/completions/polyak.fish`;

const SHELLS: Readonly<Record<string, (program: Command) => string>> = {
  bash: bashScript,
  // bashcompinit runs scripts for bash in zsh.
  zsh: (program) => `autoload -Uz bashcompinit && bashcompinit\n${bashScript(program)}`,
  fish: fishScript,
};

/** The command `completion`. */
export function completionCommand({ stdout }: Context, program: Command): Command {
  return new Command('completion')
    .summary('a completion script for a shell')
    .description('Prints a script that completes commands, options and their values.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action((shell: string) => {
      stdout.write(`${SHELLS[shell]?.(program) ?? ''}\n`);
    });
}

function bashScript(program: Command): string {
  const cases = program.commands.flatMap((command) => [
    `    ${command.name()}) case $previous in`,
    ...optionsOf(command)
      .filter(({ argChoices }) => argChoices !== undefined)
      .map(({ long, argChoices = [] }) => `      ${long}) words="${argChoices.join(' ')}";;`),
    `      *) words="${wordsOf(command).join(' ')}";;`,
    '    esac;;',
  ]);
  const names = program.commands.map((command) => command.name());
  return `_polyak() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words=
  if [ "$COMP_CWORD" = 1 ]; then words="${names.join(' ')}"
  else case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _polyak polyak`;
}

function fishScript(program: Command): string {
  const lines = program.commands.flatMap((command) => {
    const name = command.name();
    const inside = `complete -c polyak -n "__fish_seen_subcommand_from ${name}"`;
    return [
      `complete -c polyak -f -n __fish_use_subcommand -a ${name} -d ${quoted(command.summary())}`,
      ...choicesOf(command).map((choice) => `${inside} -f -a ${choice}`),
      ...optionsOf(command).map(({ long = '', argChoices, required, description }) => {
        const values = argChoices && ` -x -a ${quoted(argChoices.join(' '))}`;
        const value = values ?? (required ? ' -r' : '');
        return `${inside} -l ${long.slice(2)}${value} -d ${quoted(description)}`;
      }),
    ];
  });
  return lines.join('\n');
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function wordsOf(command: Command): readonly string[] {
  return [...optionsOf(command).flatMap(({ long }) => long ?? []), ...choicesOf(command)];
}

function choicesOf(command: Command): readonly string[] {
  return command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
