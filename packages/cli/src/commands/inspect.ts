// polyak inspect: what a checkpoint holds.
import type { Checkpoint } from '@polyak/checkpoints';
import { openCheckpoint } from '@polyak/checkpoints/node';
import { Command } from 'commander';
import type { Context, PrintOptions } from '../context.js';
import { printResult } from '../context.js';
import { withPrintOptions } from '../arguments/options.js';
import { bytesText, countText, tableText } from '../text.js';

const EXAMPLES = `
Examples:
  polyak inspect model.safetensors
  polyak inspect model.safetensors --statistics
  polyak inspect mean.safetensors --verify`;

interface InspectOptions extends PrintOptions {
  readonly statistics?: true;
  readonly verify?: true;
}

/** The command `inspect`. */
export function inspectCommand(context: Context): Command {
  const command = new Command('inspect')
    .summary('names, shapes, dtypes, statistics')
    .description('Prints what a checkpoint holds.')
    .argument('<checkpoint>', 'the file')
    .option('--statistics', 'read every tensor: least, largest, mean, rms, NaN and infinities')
    .option('--verify', 'check the file, and what it says it was made of, against the checksums');
  withPrintOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: InspectOptions) => {
      const checkpoint = await openCheckpoint(path);
      try {
        printResult(context, options, valueOf(checkpoint), textOf(checkpoint));
      } finally {
        await checkpoint.close();
      }
    });
}

function valueOf({ name, format, files, tensors, metadata }: Checkpoint): Record<string, unknown> {
  return {
    name,
    format,
    files: files.map((file) => ({ name: file.name, bytes: file.source.size })),
    metadata,
    tensors: [...tensors].map(([tensor, { dtype, shape, byteLength }]) => ({
      name: tensor,
      dtype,
      shape,
      bytes: byteLength,
    })),
  };
}

function textOf({ name, format, files, tensors, metadata }: Checkpoint): string {
  const rows = [...tensors].map(([tensor, { dtype, shape, byteLength }]) => [
    tensor,
    dtype,
    `[${shape.join(', ')}]`,
    bytesText(byteLength),
  ]);
  const bytes = files.reduce((sum, { source }) => sum + source.size, 0);
  return [
    `${name}: ${format}, ${countText(tensors.size, 'tensor')}, ${bytesText(bytes)} in ` +
      countText(files.length, 'file'),
    ...Object.entries(metadata).map(([key, value]) => `  ${key}: ${shortened(value)}`),
    '',
    tableText([['tensor', 'dtype', 'shape', 'size'], ...rows], ['left', 'left', 'left', 'right']),
  ].join('\n');
}

const LONGEST = 80;

function shortened(value: string): string {
  const line = value.replaceAll(/\s+/gu, ' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}… (${value.length} characters)` : line;
}
