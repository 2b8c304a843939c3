// polyak soup: the mean of those checkpoints that do not lower a score.
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { planMergeFiles, prepareOutput } from '@polyak/checkpoints/node';
import { Command } from 'commander';
import type { Context } from '../context.js';
import { printResult, say } from '../context.js';
import type { Greedy, Trial } from '../soup/greedy.js';
import { greedySoup } from '../soup/greedy.js';
import { inputsOf } from '../arguments/inputs.js';
import { judge } from '../soup/judge.js';
import { scratchFolder } from '../soup/scratch.js';
import { collect, parsePath } from '../arguments/parse.js';
import { warnOfRepeated } from '../arguments/repeated.js';
import type { Merge } from '../merging.js';
import { mainPath, mergeWithProgress, planOf, resultValue, tensorsText } from '../merging.js';
import type {
  NameOptions,
  OutputOptions,
  RangeOptions,
  ToleranceOptions,
} from '../arguments/options.js';
import {
  mergeOptionsOf,
  withNameOptions,
  withOutputOptions,
  withRangeOptions,
  withToleranceOptions,
} from '../arguments/options.js';
import { numberText } from '../text.js';

const EXAMPLES = `
The command is run by the shell, once for each checkpoint and once for each soup. The path of the
soup's file replaces {}, or is appended. The last line on standard output is the score: one number
and nothing else, such as 0.93.

Examples:
  polyak soup --eval 'python evaluate.py {}' 'run/*.safetensors' -o soup.safetensors
  polyak soup --eval './perplexity.sh' --lower a.safetensors b.safetensors -o soup.safetensors`;

interface SoupOptions extends NameOptions, OutputOptions, RangeOptions, ToleranceOptions {
  readonly eval: string;
  readonly lower?: true;
}

/** The command `soup`. */
export function soupCommand(context: Context): Command {
  const command = new Command('soup')
    .summary('the mean of those checkpoints that do not lower a score')
    .description(
      'Writes a greedy soup: checkpoints are added to the mean, the best first, and stay if the ' +
        'score does not get worse.',
    )
    .argument(
      '<checkpoint...>',
      'files, quoted patterns, or a folder with --from and --to',
      collect(parsePath),
    )
    .requiredOption(
      '--eval <command>',
      'a shell command whose last line is the score of a checkpoint',
    )
    .option('--lower', 'lower scores are better, such as those of a loss');
  withRangeOptions(command);
  withNameOptions(command);
  withToleranceOptions(command);
  withOutputOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (args: readonly string[], options: SoupOptions) => {
      const inputs = await inputsOf(args, options);
      // Now, and not after hours of evaluation.
      await prepareOutput(options.output, { force: options.force === true });
      const all = meanOf(inputs, [...inputs.keys()], options);
      await planMergeFiles(all.inputs, all.output, all.options);
      await warnOfRepeated(context, options, inputs);
      const { members, score, trials } = await chosen(context, options, inputs);
      const merge = meanOf(inputs, members, options);
      const result = await mergeWithProgress(context, options, merge);
      const [plan, names] = [planOf(result), merge.inputs];
      const output = mainPath(options.output, plan);
      const tensors = plan === undefined ? '' : ` (${tensorsText(plan, names)})`;
      printResult(
        context,
        options,
        { output, inputs: names, ...resultValue(result), score, trials },
        `${output}: the mean of ${names.join(', ')}${tensors} with the score ${numberText(score)}`,
      );
    });
}

interface NamedTrial extends Omit<Trial, 'members'> {
  readonly inputs: readonly string[];
}

/** Evaluates checkpoints and soups. */
async function chosen(
  context: Context,
  options: SoupOptions,
  inputs: readonly string[],
): Promise<Greedy & { readonly trials: readonly NamedTrial[] }> {
  const trials: NamedTrial[] = [];
  const folder = await scratchFolder(dirname(options.output));
  const candidate = join(folder, basename(options.output));
  const evaluate = async (members: readonly number[]): Promise<number> => {
    const { shards: _, ...whole } = options;
    const merge = meanOf(inputs, members, { ...whole, output: candidate, force: true });
    const result = await mergeWithProgress(context, { ...options, quiet: true }, merge);
    return judge(options.eval, mainPath(candidate, planOf(result)), context.signal);
  };
  const onTrial = ({ members, score, kept }: Trial): void => {
    const names = members.map((member) => inputs[member] ?? '');
    trials.push({ inputs: names, score, kept });
    const verdict = kept ? '' : ', left out';
    say(context, options, `score ${numberText(score)}: ${names.join(' + ')}${verdict}`);
    // Each checkpoint and the first soup: early enough for hours of evaluations.
    if (trials.length === inputs.length + 1 && areEqual(trials)) {
      const warning =
        `warning: all have the score ${numberText(score)}: does the command read the file ` +
        'that it is given?';
      say(context, options, warning);
    }
  };
  try {
    const better = options.lower ? 'lower' : 'higher';
    return { ...(await greedySoup(inputs.length, better, evaluate, onTrial)), trials };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function areEqual(trials: readonly NamedTrial[]): boolean {
  return trials.every(({ score }) => score === trials[0]?.score);
}

function meanOf(
  inputs: readonly string[],
  members: readonly number[],
  options: SoupOptions,
): Merge {
  return {
    label: 'soup',
    inputs: members.map((member) => inputs[member] ?? ''),
    output: options.output,
    options: {
      ...mergeOptionsOf(options),
      method: mean(members.length),
    },
  };
}
