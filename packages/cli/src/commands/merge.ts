// polyak merge: the methods that are more than a mean, and merges by recipe.
import type { LinearMerge } from '@polyak/checkpoints';
import type { MergeMethod } from '@polyak/checkpoints/methods';
import { methodOf, METHODS } from '@polyak/checkpoints/methods';
import type { MergeFilesOptions } from '@polyak/checkpoints/node';
import { Command, Option } from 'commander';
import type { Context } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { inputsOf } from '../arguments/inputs.js';
import { fleetOf } from '../fleet.js';
import { runMerge } from '../merging.js';
import { readRecipe } from '../recipe/recipe.js';
import type {
  FleetOptions,
  NameOptions,
  OutputOptions,
  RangeOptions,
  ToleranceOptions,
} from '../arguments/options.js';
import {
  mergeOptionsOf,
  withFleetOptions,
  withNameOptions,
  withOutputOptions,
  withRangeOptions,
  withRunOptions,
  withToleranceOptions,
} from '../arguments/options.js';
import { warnOfOrder } from '../arguments/order.js';
import { collect, parseCount, parseNumber, parseNumbers, parsePath } from '../arguments/parse.js';
import { WEIGHTS_IN_ORDER, weightedSum } from '../arguments/weights.js';

const EXAMPLES = `
Examples:
  polyak merge --method slerp --t 0.3 a.safetensors b.safetensors -o slerp.safetensors
  polyak merge --method ties --density 0.2 --base base.safetensors a.safetensors b.safetensors \\
    -o ties.safetensors
  polyak merge --method linear --weights 1,-1 --no-normalize a.safetensors b.safetensors \\
    -o difference.safetensors
  polyak merge --recipe merge.yaml`;

/** The options that are the methods' own; each method checks which of them it takes. */
const OWN = ['weights', 't', 'lambda', 'density', 'seed', 'elect'] as const;

/** The options that stand in a recipe where there is one. */
const IN_RECIPES =
  'method base normalize from to include exclude rename nonfinite rows dtype shards'.split(' ');

interface MethodOptions {
  readonly method?: string;
  readonly recipe?: string;
  readonly base?: string;
  readonly weights?: readonly number[];
  readonly normalize: boolean;
  readonly t?: number;
  readonly lambda?: number;
  readonly density?: number;
  readonly seed?: number;
  readonly elect?: string;
}

type MergeOptions = NameOptions &
  Partial<OutputOptions> &
  FleetOptions &
  RangeOptions &
  ToleranceOptions &
  MethodOptions;

/** The command `merge`. */
export function mergeCommand(context: Context): Command {
  const command = new Command('merge')
    .summary('slerp, task arithmetic, TIES, DARE, model stock')
    .description('Merges checkpoints by a method, or as a recipe says.')
    .argument(
      '[checkpoint...]',
      'files, quoted patterns, or a folder with --from and --to',
      collect(parsePath),
    )
    .addOption(new Option('--method <name>', 'how to merge').choices(['linear', ...METHODS]))
    .addOption(
      new Option('--recipe <file>', 'a YAML file with all of this')
        .argParser(parsePath)
        .conflicts([...OWN, ...IN_RECIPES]),
    )
    .option('--base <checkpoint>', 'what the checkpoints were trained from', parsePath)
    .addOption(
      new Option('--weights <list>', 'one weight for each checkpoint, such as 1,2,3').argParser(
        parseNumbers,
      ),
    )
    .option('--no-normalize', 'use the weights as they are')
    .addOption(
      new Option('--t <number>', 'slerp: where between the two, 0 to 1').argParser(parseNumber),
    )
    .addOption(
      new Option('--lambda <number>', 'what the merged differences are scaled by').argParser(
        parseNumber,
      ),
    )
    .addOption(
      new Option('--density <number>', 'ties, dare: the share that is kept').argParser(parseNumber),
    )
    .addOption(new Option('--seed <number>', 'dare: of the random choice').argParser(parseCount))
    .addOption(
      new Option('--elect <vote>', 'ties, dare: the sign by sum or by count').choices([
        'sum',
        'count',
      ]),
    );
  withRangeOptions(command);
  withNameOptions(command);
  withToleranceOptions(command);
  withOutputOptions(command, 'optional');
  withRunOptions(command);
  withFleetOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (args: readonly string[], options: MergeOptions) => {
      const fleet = fleetOf(options);
      const { inputs, output, mergeOptions } = await described(context, args, options);
      if (output === undefined) throw new UsageError('-o is needed: the file to write.');
      await runMerge(context, options, {
        label: 'merge',
        inputs,
        output,
        options: mergeOptions,
        fleet,
      });
    });
}

/** The merge that the options, or the recipe, describe. */
async function described(
  context: Context,
  args: readonly string[],
  options: MergeOptions,
): Promise<{
  readonly inputs: readonly string[];
  readonly output: string | undefined;
  readonly mergeOptions: MergeFilesOptions;
}> {
  const { recipe: path, method: name, base, output, force = false, resume = false } = options;
  if (path !== undefined) {
    if (args.length > 0) throw new UsageError('the checkpoints stand in the recipe.');
    const recipe = await readRecipe(path);
    return {
      inputs: recipe.inputs,
      output: output ?? recipe.output,
      mergeOptions: { ...recipe.options, force, resume },
    };
  }
  if (name === undefined) throw new UsageError('--method or --recipe is needed.');
  const inputs = await inputsOf(args, options);
  if (options.weights !== undefined) warnOfOrder(context, options, WEIGHTS_IN_ORDER, inputs);
  if (name === 'slerp') warnOfOrder(context, options, 'slerp goes from the first on', inputs);
  const method = name === 'linear' ? linearFrom(options, inputs.length) : methodFrom(name, options);
  const mergeOptions = { ...mergeOptionsOf(options), method, ...(base !== undefined && { base }) };
  return { inputs, output, mergeOptions };
}

function linearFrom(options: MethodOptions, count: number): LinearMerge {
  const other = OWN.find((key) => key !== 'weights' && options[key] !== undefined);
  if (other !== undefined) throw new UsageError(`--${other} is of no use with linear.`);
  return weightedSum(options, count);
}

function methodFrom(name: string, options: MethodOptions): MergeMethod {
  if (!options.normalize) throw new UsageError('--no-normalize is of use with linear only.');
  const own = OWN.filter((key) => options[key] !== undefined).map((key) => [key, options[key]]);
  try {
    return methodOf(name, Object.fromEntries(own) as Readonly<Record<string, unknown>>);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}
