// polyak diff: how two checkpoints differ, tensor by tensor.
import type { Checkpoint } from '@polyak/checkpoints';
import type { TensorDiff } from '@polyak/checkpoints/inspect';
import { diffCheckpoints } from '@polyak/checkpoints/inspect';
import { openCheckpoint, prepareOutput, writeFileAtomic } from '@polyak/checkpoints/node';
import { Command } from 'commander';
import { parseOutput } from '../arguments/output.js';
import { parsePath } from '../arguments/parse.js';
import type { NameOptions } from '../arguments/options.js';
import { nameRulesOf, withNameOptions, withPrintOptions } from '../arguments/options.js';
import type { Context, PrintOptions } from '../context.js';
import { printResult } from '../context.js';
import { rowsOf } from '../reading/rows.js';
import { countText, numberText, shapeText, tableText } from '../text.js';

const EXAMPLES = `
Examples:
  polyak diff a.safetensors b.safetensors
  polyak diff a.safetensors b.safetensors --rename 'module.*=*'
  polyak diff a.safetensors b.safetensors --html difference.html`;

interface DiffOptions extends NameOptions, PrintOptions {
  readonly html?: string;
  readonly force?: true;
}

/** The command `diff`. */
export function diffCommand(context: Context): Command {
  const command = new Command('diff')
    .summary('how two checkpoints differ, tensor by tensor')
    .description('Prints the largest and the rms difference and the cosine of each tensor.')
    .argument('<a>', 'a checkpoint', parsePath)
    .argument('<b>', 'another', parsePath)
    .option(
      '--html <page>',
      'write a page with a picture and a table of the differences',
      parseOutput,
    )
    .option('--force', 'replace the page if it exists');
  withNameOptions(command);
  withPrintOptions(command);
  return command
    .addHelpText('after', EXAMPLES)
    .action(async (a: string, b: string, options: DiffOptions) => {
      const { html, force = false } = options;
      if (html !== undefined) await prepareOutput(html, { force });
      const first = await openCheckpoint(a);
      try {
        const second = await openCheckpoint(b);
        try {
          await compare(context, options, first, second);
        } finally {
          await second.close();
        }
      } finally {
        await first.close();
      }
    });
}

async function compare(
  context: Context,
  options: DiffOptions,
  first: Checkpoint,
  second: Checkpoint,
): Promise<void> {
  const names = nameRulesOf(options);
  const tensors = await rowsOf(context, options, 'diff', (reading) =>
    diffCheckpoints(first, second, { names, ...reading }),
  );
  if (options.html !== undefined) {
    // Its libraries take a while to load.
    const { diffPage } = await import('../diff/page.js');
    const page = diffPage([first.name, second.name], tensors);
    await writeFileAtomic(options.html, [new TextEncoder().encode(page)]);
  }
  const different = tensors.filter((row) => row.kind !== 'both' || !row.isSame);
  const text = [
    `${different.length.toLocaleString('en')} of ${countText(tensors.length, 'tensor')} differ`,
    ...(different.length > 0 ? ['', tableOf(different)] : []),
  ].join('\n');
  printResult(context, options, { first: first.name, second: second.name, tensors }, text);
}

function tableOf(rows: readonly TensorDiff[]): string {
  const head = ['tensor', 'shape', 'dtype', 'largest', 'at', 'rms', 'relative', 'cosine', ''];
  return tableText(
    [head, ...rows.map(cellsOf)],
    head.map((_, column) => (column < 3 || column === 8 ? 'left' : 'right')),
  );
}

function cellsOf(row: TensorDiff): readonly string[] {
  if (row.kind === 'shape') return [row.name, row.shapes.map(shapeText).join(' and ')];
  if (row.kind !== 'both') return [row.name, row.kind];
  const { name, dtypes, shape, values } = row;
  const types = [...new Set(dtypes)].join(' and ');
  if (values === undefined) return [name, shapeText(shape), types];
  const { largest, largestAt, rms, relativeRms, cosine, nonFinite } = values;
  return [
    name,
    shapeText(shape),
    types,
    numberText(largest),
    largestAt < 0 ? '' : String(largestAt),
    numberText(rms),
    numberText(relativeRms),
    numberText(cosine),
    nonFinite > 0 ? `${nonFinite} not finite` : '',
  ];
}
