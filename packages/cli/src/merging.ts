// One merge as a command: its plan with --dry-run, else the merge with its progress.
import type { Context, PrintOptions } from './context.js';
import { printResult, say } from './context.js';
import type { MergeFilesOptions } from './library.js';
import { mergeFiles, planMergeFiles } from './library.js';
import type { RunOptions } from './arguments/options.js';
import { showProgress } from './progress.js';
import { bytesText, countText, durationText } from './text.js';

/** A merge that a command makes. */
export interface Merge {
  /** What it is called in messages, such as `average`. */
  readonly label: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly options: MergeFilesOptions;
}

/** Makes the merge, or prints its plan. */
export async function runMerge(
  context: Context,
  options: PrintOptions & RunOptions,
  merge: Merge,
): Promise<void> {
  if (options.dryRun) return printPlan(context, options, merge);
  const started = Date.now();
  const report = await mergeWithProgress(context, options, merge);
  const seconds = (Date.now() - started) / 1000;
  const { output } = merge;
  printResult(
    context,
    options,
    { output, inputs: merge.inputs, ...report, seconds },
    options.quiet
      ? ''
      : `${output}: ${countText(report.tensors, 'tensor')}, ` +
          `${bytesText(report.bytesWritten)} in ${durationText(seconds)}`,
  );
}

/** Makes the merge. */
export async function mergeWithProgress(
  context: Context,
  options: PrintOptions,
  { label, inputs, output, options: mergeOptions }: Merge,
): ReturnType<typeof mergeFiles> {
  const progress = showProgress(context, options, label);
  try {
    return await mergeFiles(inputs, output, {
      ...mergeOptions,
      signal: context.signal,
      onProgress: progress.update,
      onWarning: (message) => say(context, options, message),
    });
  } finally {
    progress.end();
  }
}

async function printPlan(
  context: Context,
  options: PrintOptions,
  { inputs, output, options: mergeOptions }: Merge,
): Promise<void> {
  const plan = await planMergeFiles(inputs, output, mergeOptions);
  const lines = [
    `would write ${output}`,
    `  inputs    ${inputs.join('\n            ')}`,
    `  tensors   ${plan.tensors}`,
    `  to read   ${bytesText(plan.bytesToRead)}`,
    `  to write  ${bytesText(plan.bytesToWrite)}`,
    `  memory    ${bytesText(plan.memoryBytes)}`,
    ...(plan.leftOut.length > 0 ? [`  left out  ${plan.leftOut.join('\n            ')}`] : []),
  ];
  printResult(context, options, { output, inputs, ...plan }, lines.join('\n'));
}
