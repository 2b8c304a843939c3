// polyak average: the mean of checkpoints, weighted or not.
import { Command, Option } from 'commander';
import type { Context } from '../context.js';
import { inputsOf } from '../arguments/inputs.js';
import { fleetOf } from '../fleet.js';
import { runMerge } from '../merging.js';
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
import { requireOldestFirst, warnOfOrder } from '../arguments/order.js';
import { collect, parseDecay, parseNumbers, parsePath } from '../arguments/parse.js';
import type { WeightOptions } from '../arguments/weights.js';
import { DECAYS, WEIGHTS_IN_ORDER, weightedSum } from '../arguments/weights.js';

const EXAMPLES = `
Examples:
  polyak average run/a.safetensors run/b.safetensors -o mean.safetensors
  polyak average 'run/step-*.safetensors' --decay minus-sqrt -o decayed.safetensors
  polyak average run --from 840000 --to 880000 --decay linear -o decayed.safetensors
  polyak average a.onnx b.onnx --weights 3,1 -o weighted.onnx
  polyak average 'run/*.safetensors' -o mean.safetensors --fleet redis://queue:6379 --store .`;

type AverageOptions = NameOptions &
  OutputOptions &
  FleetOptions &
  RangeOptions &
  ToleranceOptions &
  WeightOptions;

/** The command `average`. */
export function averageCommand(context: Context): Command {
  const command = new Command('average')
    .summary('the mean of checkpoints')
    .description(
      'Writes the mean of checkpoints, oldest first: equal, weighted, exponential, or with the ' +
        'weights that stand for a decayed learning rate.',
    )
    .argument(
      '<checkpoint...>',
      'files, quoted patterns, or a folder with --from and --to',
      collect(parsePath),
    )
    .addOption(
      new Option('--weights <list>', 'one weight for each checkpoint, such as 1,2,3; normalised')
        .argParser(parseNumbers)
        .conflicts(['decay', 'ema']),
    )
    .option('--no-normalize', 'use the weights as they are')
    .addOption(
      new Option('--decay <curve>', 'as if the learning rate had decayed over the checkpoints')
        .choices(DECAYS)
        .conflicts(['weights', 'ema']),
    )
    .addOption(
      new Option('--ema <decay>', 'an exponential average, such as 0.99')
        .argParser(parseDecay)
        .conflicts(['weights', 'decay']),
    );
  withRangeOptions(command);
  withNameOptions(command);
  withToleranceOptions(command);
  withOutputOptions(command);
  withRunOptions(command);
  withFleetOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (args: readonly string[], options: AverageOptions) => {
      const fleet = fleetOf(options);
      const inputs = await inputsOf(args, options);
      const { ema, decay, weights } = options;
      if (ema !== undefined) requireOldestFirst('--ema', inputs);
      if (decay !== undefined) requireOldestFirst('--decay', inputs);
      if (weights !== undefined) warnOfOrder(context, options, WEIGHTS_IN_ORDER, inputs);
      await runMerge(context, options, {
        label: 'average',
        inputs,
        output: options.output,
        options: { ...mergeOptionsOf(options), method: weightedSum(options, inputs.length) },
        fleet,
      });
    });
}
