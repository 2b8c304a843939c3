// polyak inspect: what a checkpoint holds.
import type { Checkpoint } from '@polyak/checkpoints';
import type { TensorStatistics, VerifiedFile } from '@polyak/checkpoints/inspect';
import { tensorStatistics } from '@polyak/checkpoints/inspect';
import { applyNames } from '@polyak/checkpoints/names';
import { openCheckpoint } from '@polyak/checkpoints/node';
import { PolyakError } from '@polyak/core';
import { Command, Option } from 'commander';
import type { NameOptions } from '../arguments/options.js';
import { nameRulesOf, withNameOptions, withPrintOptions } from '../arguments/options.js';
import type { Context, PrintOptions } from '../context.js';
import { printResult } from '../context.js';
import { parsePath } from '../arguments/parse.js';
import { PartialVerification } from '../exit-codes.js';
import { rowsOf } from '../reading/rows.js';
import { verificationText, verified } from '../reading/verification.js';
import { bytesText, countText, listText, numberText, shapeText, tableText } from '../text.js';

const EXAMPLES = `
Examples:
  polyak inspect model.safetensors
  polyak inspect model.safetensors --statistics --include '*.weight'
  polyak inspect mean.safetensors --verify   # in the folder where it was made`;

interface InspectOptions extends NameOptions, PrintOptions {
  readonly statistics?: true;
  readonly verify?: true;
}

/** The command `inspect`. */
export function inspectCommand(context: Context): Command {
  const command = new Command('inspect')
    .summary('names, shapes, dtypes, statistics')
    .description('Prints what a checkpoint holds.')
    .argument('<checkpoint>', 'a file, or a folder with one', parsePath)
    .option('--statistics', 'read every tensor: least, largest, mean, rms, NaN and infinities')
    .addOption(
      new Option(
        '--verify',
        'compare the file, and what it was made from, with the checksums in its metadata',
      ).conflicts(['statistics', 'include', 'exclude', 'rename']),
    );
  withNameOptions(command);
  withPrintOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, options: InspectOptions) => {
      const checkpoint = await openCheckpoint(path);
      try {
        if (options.verify) return await verify(context, options, checkpoint);
        const tensors = options.statistics
          ? await statisticsOf(context, options, checkpoint)
          : listed(checkpoint, options);
        const { name, format, metadata } = checkpoint;
        const files = checkpoint.files.map((file) => ({
          name: file.name,
          bytes: file.source.size,
        }));
        const value = { name, format, files, metadata, tensors };
        const table = options.statistics ? statisticsTable(tensors) : sizesTable(tensors);
        printResult(context, options, value, `${headText(checkpoint)}\n\n${table}`);
      } finally {
        await checkpoint.close();
      }
    });
}

async function verify(
  context: Context,
  options: InspectOptions,
  checkpoint: Checkpoint,
): Promise<void> {
  const files = await verified(context, options, checkpoint);
  const { name } = checkpoint;
  printResult(context, options, { name, files }, verificationText(files));
  const namesOf = (wanted: VerifiedFile['verdict']): string | undefined => {
    const found = files.filter(({ verdict }) => verdict === wanted);
    return found.length === 0 ? undefined : listText(found.map((file) => file.name));
  };
  const [different, missing] = [namesOf('differs'), namesOf('missing')];
  const unverified =
    missing === undefined
      ? ''
      : ` Not verified, as they are not there: ${missing}. Names are those that the merge was ` +
        'given: run this in the folder where it ran; for the merge of a fleet, in its store.';
  if (different !== undefined) {
    const message = `changed since the merge that made ${name}: ${different}.${unverified}`;
    throw new PolyakError('ERR_CHECKPOINT', message);
  }
  if (missing === undefined) return;
  const same = listText(files.filter(({ verdict }) => verdict === 'same').map((file) => file.name));
  throw new PartialVerification(`the same as when ${name} was made: ${same}.${unverified}`);
}

/** A row of what is printed. */
type Row = TensorStatistics & { readonly bytes?: number };

function listed(checkpoint: Checkpoint, options: NameOptions): readonly Row[] {
  const [named] = applyNames('inspect', [checkpoint], nameRulesOf(options));
  return [...(named?.tensors ?? [])].map(([name, { dtype, shape, byteLength }]) => ({
    name,
    dtype,
    shape,
    bytes: byteLength,
  }));
}

function statisticsOf(
  context: Context,
  options: InspectOptions,
  checkpoint: Checkpoint,
): Promise<readonly Row[]> {
  const names = nameRulesOf(options);
  return rowsOf(context, options, 'inspect', (reading) =>
    tensorStatistics(checkpoint, { names, ...reading }),
  );
}

function headText({ name, format, files, tensors, metadata }: Checkpoint): string {
  const bytes = files.reduce((sum, { source }) => sum + source.size, 0);
  return [
    `${name}: ${format}, ${countText(tensors.size, 'tensor')}, ${bytesText(bytes)} in ` +
      countText(files.length, 'file'),
    ...Object.entries(metadata).map(([key, value]) => `  ${key}: ${shortened(value)}`),
  ].join('\n');
}

function sizesTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, dtype, shape, bytes = 0 }) => [
    name,
    dtype,
    shapeText(shape),
    bytesText(bytes),
  ]);
  return tableText(
    [['tensor', 'dtype', 'shape', 'size'], ...cells],
    ['left', 'left', 'left', 'right'],
  );
}

function statisticsTable(rows: readonly Row[]): string {
  const head = ['tensor', 'dtype', 'shape', 'least', 'largest', 'mean', 'rms', 'NaN', 'infinite'];
  const cells = rows.map(({ name, dtype, shape, values }) => [
    name,
    dtype,
    shapeText(shape),
    ...(values === undefined
      ? ['not read']
      : [values.min, values.max, values.mean, values.rms].map(numberText)),
    ...(values === undefined
      ? []
      : [values.nan, values.positiveInfinity + values.negativeInfinity].map(String)),
  ]);
  return tableText(
    [head, ...cells],
    head.map((_, column) => (column < 3 ? 'left' : 'right')),
  );
}

const LONGEST = 80;

function shortened(value: string): string {
  const line = value.replaceAll(/\s+/gu, ' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}… (${value.length} characters)` : line;
}
