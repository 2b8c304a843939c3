// The options that commands share.
import { renameOf } from '@polyak/checkpoints/names';
import type { NameRules, NonFinitePolicy, OutputDType, RenameRule } from '@polyak/checkpoints';
import type { MergeFilesOptions } from '@polyak/checkpoints/node';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { PrintOptions } from '../context.js';
import { parseOutput } from './output.js';
import { collect, parseBytes, parseNumber } from './parse.js';

/** Which tensors, and under which names. */
export interface NameOptions {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly rename?: readonly RenameRule[];
}

/** Where the output goes, and how it is written. */
export interface OutputOptions extends PrintOptions {
  readonly output: string;
  readonly dtype?: OutputDType;
  readonly shards?: number;
  readonly force?: true;
}

/** How the one merge of a command is run. */
export interface RunOptions {
  readonly resume?: true;
  readonly dryRun?: true;
}

/** Who makes the merge of a command, where others do. */
export interface FleetOptions extends RunOptions {
  readonly fleet?: string;
  readonly store?: string;
  readonly partSize?: number;
}

/** What is done with tensors that cannot simply be merged. */
export interface ToleranceOptions {
  readonly nonfinite: NonFinitePolicy;
  readonly rows?: readonly string[];
}

/** A range of numbered checkpoints. */
export interface RangeOptions {
  readonly from?: number;
  readonly to?: number;
}

/** Adds `--json` and `--quiet`. */
export function withPrintOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on stdout and nothing else there')
    .option('--quiet', 'no progress and no messages but errors');
}

/** Adds `--include`, `--exclude` and `--rename`. */
export function withNameOptions(command: Command): Command {
  const pattern = "* stands for any characters; '/.../' is a regular expression";
  return command
    .addOption(
      new Option(
        '--include <pattern>',
        `only these tensors; may be repeated; ${pattern}`,
      ).argParser(collect(String)),
    )
    .addOption(
      new Option('--exclude <pattern>', 'not these tensors; may be repeated').argParser(
        collect(String),
      ),
    )
    .addOption(
      new Option(
        '--rename <from=to>',
        "rename tensors, such as 'module.*=*'; may be repeated",
      ).argParser(collect(parseRename)),
    );
}

/** Adds `--output` and how it is written. */
export function withOutputOptions(
  command: Command,
  output: 'required' | 'optional' = 'required',
): Command {
  command
    .addOption(
      new Option('-o, --output <path>', 'the file to write')
        .argParser(parseOutput)
        .makeOptionMandatory(output === 'required'),
    )
    .addOption(
      new Option(
        '--dtype <dtype>',
        'the type of floats in the output; default: that of the input',
      ).choices(['float64', 'float32', 'float16', 'bfloat16']),
    )
    .addOption(
      new Option('--shards <size>', 'the most bytes of a file, such as 5GB').argParser(parseBytes),
    )
    .option('--force', 'replace the output if it exists');
  return withPrintOptions(command);
}

/** Adds `--resume` and `--dry-run`. */
export function withRunOptions(command: Command): Command {
  return command
    .option('--resume', 'continue where an earlier run was interrupted')
    .option('--dry-run', 'print the plan: bytes, memory, names left out');
}

/** Adds `--fleet`, `--store` and `--part-size`. */
export function withFleetOptions(command: Command): Command {
  return command
    .option('--fleet <url>', 'merge by the workers of a queue, such as redis://queue:6379')
    .option('--store <folder>', 'with --fleet: the shared folder, which has all checkpoints')
    .addOption(
      new Option(
        '--part-size <size>',
        'with --fleet: how much of the output a worker makes at once; default: 256MB',
      ).argParser(parseBytes),
    );
}

/** Adds `--nonfinite` and `--rows`. */
export function withToleranceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--nonfinite <policy>', 'what to do about NaN and infinities')
        .choices(['refuse', 'skip', 'propagate'])
        .default('refuse'),
    )
    .addOption(
      new Option(
        '--rows <pattern>',
        'tensors that may differ in rows, such as embeddings; may be repeated',
      ).argParser(collect(String)),
    );
}

/** Adds `--from` and `--to`. */
export function withRangeOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--from <number>',
        'with a folder: the first checkpoint, by the number in its name',
      ).argParser(parseNumber),
    )
    .addOption(new Option('--to <number>', 'with a folder: the last').argParser(parseNumber));
}

/** The names that the options select, and give. */
export function nameRulesOf({ include, exclude, rename }: NameOptions): NameRules {
  return {
    ...(include && { include }),
    ...(exclude && { exclude }),
    ...(rename && { rename }),
  };
}

/** The options of a merge for those of the command line. */
export function mergeOptionsOf(
  options: NameOptions & Partial<OutputOptions & ToleranceOptions> & RunOptions,
): Omit<MergeFilesOptions, 'method'> {
  const { rows, dtype, nonfinite, shards } = options;
  return {
    names: nameRulesOf(options),
    ...(rows && { rows }),
    ...(dtype && { dtype }),
    ...(nonfinite && { nonFinite: nonfinite }),
    ...(shards !== undefined && { shardBytes: shards }),
    force: options.force ?? false,
    resume: options.resume ?? false,
  };
}

function parseRename(text: string): RenameRule {
  try {
    return renameOf('--rename', text);
  } catch (error) {
    throw new InvalidArgumentError((error as RangeError).message);
  }
}
