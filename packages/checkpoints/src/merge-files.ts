// Merges files, in Node: opens them, plans, merges, publishes.
import { basename } from 'node:path';
import { PolyakError } from '@polyak/core';
import { requireFunction, requireOptions, requireSignal } from '@polyak/core/kit';
import type { Checkpoint } from './checkpoint.js';
import type { MergeReport } from './engine/report.js';
import type { RunOptions } from './engine/run.js';
import { runMerge } from './engine/run.js';
import type { InputState } from './files/plan.js';
import { changedInputs, inputStates } from './files/plan.js';
import type { ReplaceOptions } from './files/resume.js';
import { prepareOutput } from './files/resume.js';
import { stageOutput } from './files/stage.js';
import { HeaderCache } from './formats/header-cache.js';
import type { MergeOptions } from './merge/options.js';
import { MERGE_OPTIONS, readTexts, requireText } from './merge/options.js';
import type { MergePlan } from './merge/plan.js';
import { planMerge } from './merge/plan.js';
import type { OutputSink } from './merge/sink.js';
import { openCheckpoint } from './open-path.js';
import { VERSION } from './provenance/version.js';

/** What {@link mergeFiles} merges, and how. */
export interface MergeFilesOptions
  extends Omit<MergeOptions, 'base'>, Omit<RunOptions, 'resumeFrom'>, ReplaceOptions {
  /** The path of the model that the others were trained from, for methods that need it. */
  readonly base?: string;
}

/** A merge was made. */
export interface MergedFiles {
  /** Tells it from {@link PublishedFiles}. */
  readonly kind: 'merged';
  /** What was planned. */
  readonly plan: MergePlan;
  /** What happened. */
  readonly report: MergeReport;
}

/** An interrupted merge had written everything, and was only published. */
export interface PublishedFiles {
  /** Tells it from {@link MergedFiles}. */
  readonly kind: 'published';
}

/**
 * Merges checkpoint files into one. The memory that it takes does not depend on their size.
 *
 * The output has the format of the last input. It is written beside its place and takes it once it
 * is whole; it may be one of the inputs. What made it stands in its metadata.
 *
 * @param inputs - paths of checkpoints, in order: see {@link openCheckpoint}
 * @param output - the path of the output: a file, or of a model in several files the one that
 *   readers open
 * @param options - the method, names, dtype; `force` to replace a file; `resume` to go on with an
 *   interrupted merge; a signal to end it
 * @returns what was planned, and what happened
 * @throws TypeError where the inputs are no list of paths, or an option is not what it should be
 * @throws RangeError where the number of inputs or weights is wrong
 * @throws PolyakError `ERR_CHECKPOINT` or `ERR_SAFETENSORS` where an input is malformed or of a
 *   format that is not read, `ERR_MISMATCH` where they do not fit together, `ERR_NON_FINITE`,
 *   `ERR_EXISTS` where the output exists, `ERR_BUSY` where another process writes it
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { mean } from '@polyak/checkpoints';
 * import { mergeFiles } from '@polyak/checkpoints/node';
 * import { encodeSafetensors } from '@polyak/safetensors';
 *
 * const inputs = ['epoch-8.safetensors', 'epoch-9.safetensors', 'epoch-10.safetensors'];
 * for (const [i, path] of inputs.entries()) {
 *   const w = { dtype: 'float32', shape: [2], data: Float32Array.of(i, 5) } as const;
 *   await writeFile(path, encodeSafetensors({ w }));
 * }
 * await mergeFiles(inputs, 'mean.safetensors', { method: mean(3), force: true });
 * ```
 */
export async function mergeFiles(
  inputs: readonly string[],
  output: string,
  options: MergeFilesOptions,
): Promise<MergedFiles | PublishedFiles> {
  const given = readFileOptions('mergeFiles', options);
  requireText('mergeFiles', 'the output', output);
  const { signal, onProgress, force = false, resume = false } = given;
  signal?.throwIfAborted();
  const request = requestOf(inputs, given);
  if (await prepareOutput(output, { force, resume, request })) return { kind: 'published' };
  return await withPlan('mergeFiles', inputs, output, given, async (plan) => {
    const paths = plan.inputs.flatMap(pathsOf);
    const before = await inputStates(paths);
    const staged = await stageOutput(output, plan.layout, {
      force,
      resume,
      request,
      inputs: before,
      replaces: force ? await replacedBy(output, plan) : [],
    });
    const publish = async (): Promise<void> => {
      await requireUnchanged(before);
      await staged.publish();
    };
    // Not a spread: the methods of a sink are in its class.
    const sink: OutputSink = {
      write: (...args) => staged.write(...args),
      checkpoint: (progress) => staged.checkpoint(progress),
      abandon: () => staged.abandon(),
      publish,
    };
    const running = { signal, onProgress, resumeFrom: staged.progress } as RunOptions;
    const report = await runMerge(plan, sink, running);
    return { kind: 'merged', plan, report };
  });
}

/**
 * What {@link mergeFiles} would do. Only headers are read, nothing is written.
 *
 * @param inputs - as for {@link mergeFiles}
 * @param output - as for {@link mergeFiles}
 * @param options - as for {@link mergeFiles}
 * @returns the plan; its files are closed
 * @throws what {@link mergeFiles} throws for headers and options
 */
export async function planMergeFiles(
  inputs: readonly string[],
  output: string,
  options: MergeFilesOptions,
): Promise<MergePlan> {
  const given = readFileOptions('planMergeFiles', options);
  requireText('planMergeFiles', 'the output', output);
  return await withPlan('planMergeFiles', inputs, output, given, (plan) => Promise.resolve(plan));
}

/** What is asked for: all that the output depends on, but the contents of the inputs. */
function requestOf(inputs: readonly string[], options: MergeFilesOptions): unknown {
  const { base, method, names, rows, dtype, nonFinite, shardBytes } = options;
  const { name, ...own } = (method ?? {}) as Partial<MergeOptions['method']>;
  const how = 'weights' in own ? own.weights : 'options' in own ? own.options : undefined;
  const merge = { base, names, rows, dtype, nonFinite, shardBytes };
  return { version: VERSION, inputs, method: [name, how], ...merge };
}

/** The options, each read once; those of the plan are checked with it. */
function readFileOptions(call: string, options: MergeFilesOptions): MergeFilesOptions {
  const files = ['signal', 'onProgress', 'force', 'resume'];
  const given = requireOptions(call, options, [...MERGE_OPTIONS, ...files]);
  const { base, signal, onProgress, force = false, resume = false } = given;
  if (base !== undefined) requireText(call, 'base', base);
  if (onProgress !== undefined) requireFunction(call, 'onProgress', onProgress);
  requireSignal(call, signal);
  for (const [what, value] of Object.entries({ force, resume })) {
    if (typeof value === 'boolean') continue;
    throw new TypeError(`${call}: ${what} is a value of type ${typeof value}, expected a boolean.`);
  }
  return given;
}

async function withPlan<R>(
  call: string,
  inputs: readonly string[],
  output: string,
  options: MergeFilesOptions,
  run: (plan: MergePlan) => Promise<R>,
): Promise<R> {
  const { base, signal, method, names, rows, dtype, nonFinite, shardBytes } = options;
  const planned = { method, names, rows, dtype, nonFinite, shardBytes } as MergeOptions;
  const opened: Checkpoint[] = [];
  const headers = new HeaderCache();
  const open = async (path: string): Promise<Checkpoint> => {
    signal?.throwIfAborted();
    const checkpoint = await openCheckpoint(path, headers);
    opened.push(checkpoint);
    return checkpoint;
  };
  try {
    const models: Checkpoint[] = [];
    for (const path of readTexts(call, 'inputs', inputs)) models.push(await open(path));
    const plan = await planMerge(models, basename(output), {
      ...planned,
      ...(base === undefined ? {} : { base: await open(base) }),
    });
    signal?.throwIfAborted();
    return await run(plan);
  } finally {
    for (const checkpoint of opened) await checkpoint.close();
  }
}

/** Throws where a file is not what it was when it was opened: half of each may have been read. */
async function requireUnchanged(before: readonly InputState[]): Promise<void> {
  const now: InputState[] = [];
  for (const { name } of before) {
    // An open file can be read to its end after it was removed.
    now.push(...(await inputStates([name]).catch(() => [])));
  }
  const changed = changedInputs(before, now);
  if (changed.length === 0) return;
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `mergeFiles: ${changed.join(', ')} changed while it was read. Wait until it is written, and ` +
      'merge again.',
  );
}

/** The files of an output that is replaced, but those that another input has too. */
async function replacedBy(output: string, { inputs }: MergePlan): Promise<readonly string[]> {
  const old = new Set(await filesOf(output));
  if (old.size === 0) return [];
  const kept = new Set(
    inputs.flatMap((input) => {
      const paths = pathsOf(input);
      return paths.length === old.size && paths.every((path) => old.has(path)) ? [] : paths;
    }),
  );
  return [output, ...old].filter((path) => !kept.has(path));
}

function pathsOf({ files }: Checkpoint): readonly string[] {
  return files.map(({ name }) => name);
}

/** The files of a checkpoint; none where it is no checkpoint. */
async function filesOf(path: string): Promise<readonly string[]> {
  try {
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    return pathsOf(checkpoint);
  } catch {
    return [];
  }
}
