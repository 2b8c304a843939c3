// One merge as a command: its plan with --dry-run, else the merge with its progress.
import { dirname, join } from 'node:path';
import type { MergePlan, MergeReport } from '@polyak/checkpoints';
import type { MergedFiles, MergeFilesOptions, PublishedFiles } from '@polyak/checkpoints/node';
import { mergeFiles, planMergeFiles } from '@polyak/checkpoints/node';
import type { RunOptions } from './arguments/options.js';
import { warnOfOrder } from './arguments/order.js';
import { requireFolder } from './arguments/output.js';
import { warnOfRepeated } from './arguments/repeated.js';
import type { Context, PrintOptions } from './context.js';
import { printResult, say } from './context.js';
import type { FleetPlace } from './fleet.js';
import { mergeOnFleet } from './fleet.js';
import { showProgress } from './progress.js';
import { bytesText, countText, durationText, listText } from './text.js';

const LAST_IN_ORDER = 'the last checkpoint gives what is not merged';

/** A merge that a command makes. */
export interface Merge {
  /** What it is called in messages, such as `average`. */
  readonly label: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly options: MergeFilesOptions;
  /** Who makes it; undefined for this process. */
  readonly fleet?: FleetPlace | undefined;
}

/** What a merge made. */
type Made =
  | (Pick<MergedFiles, 'kind' | 'plan'> & {
      readonly report: Pick<MergeReport, 'fromLast' | 'nonFinite'>;
    })
  | PublishedFiles;

/** Makes the merge and says what was made, or prints its plan. */
export async function runMerge(
  context: Context,
  options: PrintOptions & RunOptions,
  merge: Merge,
): Promise<void> {
  const { inputs, output } = merge;
  requireFolder(output);
  await warnOfRepeated(context, options, inputs);
  if (options.dryRun) return printPlan(context, options, merge);
  const started = Date.now();
  const result = await mergeWithProgress(context, options, merge);
  const seconds = (Date.now() - started) / 1000;
  const main = mainPath(output, planOf(result));
  const text =
    result.kind === 'published'
      ? `${main}: the interrupted merge was complete`
      : `${main}: ${tensorsText(result.plan, inputs)}, ` +
        `${bytesText(result.plan.bytesToWrite)} in ${durationText(seconds)}`;
  if (result.kind === 'merged' && result.plan.copied.length + result.report.fromLast.length > 0) {
    warnOfOrder(context, options, LAST_IN_ORDER, inputs);
  }
  printResult(
    context,
    options,
    { output: main, inputs, ...resultValue(result), seconds },
    options.quiet ? '' : text,
  );
}

/** The file that readers open: of an output in several safetensors files, their index. */
export function mainPath(output: string, plan: MergePlan | undefined): string {
  const main = plan?.layout.files.at(-1);
  return main === undefined ? output : join(dirname(output), main.name);
}

/** What was planned; an interrupted merge that is only published has no plan. */
export function planOf(result: Made): MergePlan | undefined {
  return result.kind === 'merged' ? result.plan : undefined;
}

/** Makes the merge, and warns of what its result may not be expected to hold. */
export async function mergeWithProgress(
  context: Context,
  options: PrintOptions,
  merge: Merge,
): Promise<Made> {
  const { label, inputs, output, options: mergeOptions, fleet } = merge;
  const progress = showProgress(context, options, label);
  const { signal } = context;
  const onProgress = progress.update;
  const making: Promise<Made> =
    fleet === undefined
      ? mergeFiles(inputs, output, { ...mergeOptions, signal, onProgress })
      : mergeOnFleet(context, options, merge, fleet, onProgress);
  const result = await making.catch((error: unknown) => {
    progress.end('ended early');
    throw error;
  });
  progress.end('done');
  if (result.kind === 'merged') {
    const { fromLast, nonFinite } = result.report;
    if (fromLast.length > 0) {
      say(
        context,
        options,
        `taken from the last checkpoint, ${inputs.at(-1)}, as they differ: ${listText(fromLast)}`,
      );
    }
    if (nonFinite.size > 0) {
      say(context, options, `not finite in some checkpoint: ${listText([...nonFinite.keys()])}`);
    }
  }
  return result;
}

/** How many tensors were merged and how many copied: `2 tensors merged, 1 copied from b`. */
export function tensorsText({ merged, copied }: MergePlan, inputs: readonly string[]): string {
  const text = countText(merged.length, 'tensor');
  if (copied.length === 0) return text;
  return `${text} merged, ${copied.length.toLocaleString('en')} copied from ${inputs.at(-1)}`;
}

/** What happened, for `--json`. */
export function resultValue(result: Made): Readonly<Record<string, unknown>> {
  if (result.kind === 'published') return { kind: result.kind };
  const { plan, report } = result;
  return {
    kind: result.kind,
    ...planValue(plan),
    fromLast: report.fromLast,
    nonFinite: Object.fromEntries(report.nonFinite),
  };
}

function planValue(plan: MergePlan): Readonly<Record<string, unknown>> {
  return {
    files: plan.layout.files.map(({ name }) => name),
    merged: plan.merged.length,
    copied: plan.copied,
    bytesToRead: plan.bytesToRead,
    bytesToWrite: plan.bytesToWrite,
    memoryBytes: plan.memoryBytes,
  };
}

async function printPlan(
  context: Context,
  options: PrintOptions,
  { inputs, output, options: mergeOptions }: Merge,
): Promise<void> {
  const plan = await planMergeFiles(inputs, output, mergeOptions);
  if (plan.copied.length > 0) warnOfOrder(context, options, LAST_IN_ORDER, inputs);
  const main = mainPath(output, plan);
  const lines = [
    `would write ${main}`,
    ...inputs.map((input, index) => `  ${index === 0 ? 'inputs' : '      '}    ${input}`),
    `  tensors   ${plan.merged.length.toLocaleString('en')}`,
    ...(plan.copied.length > 0
      ? [`  copied    ${listText(plan.copied)}: from ${inputs.at(-1)}`]
      : []),
    `  to read   ${bytesText(plan.bytesToRead)}`,
    `  to write  ${bytesText(plan.bytesToWrite)}`,
    `  memory    ${bytesText(plan.memoryBytes)}, and the headers`,
  ];
  printResult(context, options, { output: main, inputs, ...planValue(plan) }, lines.join('\n'));
}
