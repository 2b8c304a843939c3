// Trains, merges what training saved, and scores every merge.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mergeFiles } from '@polyak/checkpoints/node';
import { batchSize, loadProblem } from '@polyak/example-mnist/problem';
import type { Score } from '@polyak/example-mnist/run';
import { loadRuntime } from '@polyak/example-mnist/runtime';
import type { FinalRow } from '@polyak/example-mnist/verdict';
import { CURVES, curveMerge, durations, tableMerges } from './merges.js';
import type { Merge } from './merges.js';
import { createModel, scoreFile } from './model.js';
import type { MergeOptions } from './options.js';
import { showProgress } from './progress.js';
import type { ProgressStream } from './progress.js';

import { intervalOf, scoreDecayed, trainAndSave } from './training.js';

// Of 50: they span the steps in which a rate would decay.
const MERGED = 20;

/** The score of a merge, by how many checkpoints it has. */
export interface DurationScore {
  readonly curve: (typeof CURVES)[number];
  readonly count: number;
  readonly score: Score;
}

/** What came out. */
export interface MergeResult {
  readonly options: MergeOptions;
  /** What computed, as the backend names it. */
  readonly backend: string;
  readonly testImages: number;
  readonly steps: number;
  /** Steps from a checkpoint to the next. */
  readonly interval: number;
  readonly rows: readonly FinalRow[];
  readonly durations: readonly DurationScore[];
  /** The run with a decayed rate, which the merges stand in for. */
  readonly decayed: Score;
  readonly seconds: number;
}

/**
 * Runs the example.
 *
 * @param options - see {@link MergeOptions}
 * @param stream - for progress
 */
export async function run(options: MergeOptions, stream: ProgressStream): Promise<MergeResult> {
  const started = performance.now();
  const folder = join(options.output, 'checkpoints');
  await mkdir(folder, { recursive: true });
  const runtime = await loadRuntime(options.backend, (text) => stream.write(`${text}\n`));
  const problem = await loadProblem(options.seed, options.trainImages);
  const steps = Math.floor(options.trainImages / batchSize) * options.epochs;

  const model = await createModel(runtime, problem, options.seed);
  const job = { runtime, problem, options, steps, stream };
  const { saved, snapshots } = await trainAndSave(job, model, folder);
  const decayed = await scoreDecayed(job);

  const merges = tableMerges(saved, snapshots, Math.min(MERGED, saved.length));
  const counts = durations(saved.length);
  const total = 1 + merges.length + (counts.length - 1) * CURVES.length;
  const progress = showProgress(stream, 'merging and scoring', total);
  let done = 0;
  const score = async (path: string): Promise<Score> => {
    const result = await scoreFile(model, path);
    progress.update((done += 1));
    return result;
  };
  const last = await score(saved.at(-1)?.path ?? '');
  const rows: FinalRow[] = [{ name: 'the last checkpoint', ...last }];
  for (const merge of merges) {
    rows.push({ name: merge.name, ...(await score(await write(merge, options.output))) });
  }
  rows.push({ name: 'for comparison: trained with a decayed rate', ...decayed });
  const scores: DurationScore[] = [];
  for (const curve of CURVES) {
    scores.push({ curve, count: 1, score: last });
    for (const count of counts.slice(1)) {
      const path = await write(curveMerge(saved, curve, count), options.output);
      scores.push({ curve, count, score: await score(path) });
    }
  }
  progress.end();
  await model.network.dispose();
  return {
    options,
    backend: runtime.backend.name,
    testImages: problem.test.count,
    steps,
    interval: intervalOf(steps),
    rows,
    durations: scores,
    decayed,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Writes a merge beside the checkpoints. */
async function write({ file, inputs, method }: Merge, folder: string): Promise<string> {
  const output = join(folder, `${file}.safetensors`);
  const paths = inputs.map(({ path }) => path);
  await mergeFiles(paths, output, { method, force: true });
  return output;
}
