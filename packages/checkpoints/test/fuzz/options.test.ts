// Options of merges that were right before they were changed.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean, planMerge, weighted } from '@polyak/checkpoints';
import type { Checkpoint, MergeOptions } from '@polyak/checkpoints';
import {
  dare,
  methodOf,
  modelStock,
  slerp,
  taskArithmetic,
  ties,
} from '@polyak/checkpoints/methods';
import type { MergeFilesOptions } from '@polyak/checkpoints/node';
import { mergeFiles } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { expectSurvival } from '../../../../tests/fuzz/survive.js';
import { open } from '../formats/outputs.js';

const bytesOf = (value: number): Uint8Array =>
  encodeSafetensors({
    w: { dtype: 'float32', shape: [2], data: Float32Array.of(value, 2) },
    'b.bias': { dtype: 'float32', shape: [1], data: Float32Array.of(value) },
  });
const checkpointOf = (value: number): Promise<Checkpoint> =>
  open(new Map([['m.safetensors', bytesOf(value)]]), 'm.safetensors');

const ALL: Omit<MergeOptions, 'method'> = {
  names: { rename: [{ from: 'b.*', to: 'c.*' }], include: ['*'], exclude: ['/^w$/'] },
  rows: ['c.*'],
  dtype: 'float16',
  nonFinite: 'skip',
  shardBytes: 64,
};
const folder = mkdtempSync(join(tmpdir(), 'polyak-merge-'));
const inputs = [1, 2].map((value) => join(folder, `${value}.safetensors`));

beforeAll(() => inputs.forEach((path, index) => writeFileSync(path, bytesOf(index))));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a fuzzer', () => {
  it(
    'finds no options of a merge that are neither taken nor refused',
    async () => {
      const [a, b, base] = [await checkpointOf(1), await checkpointOf(2), await checkpointOf(0)];
      const plan = (models: never, options: never): unknown =>
        planMerge(models, 'm.safetensors', options);
      const signal = { aborted: false, throwIfAborted: () => undefined };
      await expectSurvival({
        kind: 'options of plans of merges',
        count: 1000,
        calls: [
          [[[a, b], { ...ALL, method: mean(2) }], plan],
          [[[a, b], { method: slerp(0.5) }], plan],
          [[[a, b], { method: ties({ density: 0.5 }), base }], plan],
        ],
        whole: [a, b, base],
      });
      const merge = (paths: never, options: MergeFilesOptions): unknown =>
        mergeFiles(paths, join(folder, 'out.safetensors'), options);
      await expectSurvival({
        kind: 'options of merges of files',
        count: 500,
        calls: [
          [[inputs, { method: mean(2), onProgress: () => undefined, signal, force: true }], merge],
        ],
        whole: [signal],
        // What is read and merged at once, however long the files.
        mostBytes: 64 * 2 ** 20,
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no options of a method of merging that are neither taken nor refused',
    async () => {
      const task = { lambda: 0.5, weights: [1, 2] };
      await expectSurvival({
        kind: 'options of methods of merging',
        count: 1500,
        calls: [
          [[[1, 2], { normalize: true }], weighted],
          [[0.5], slerp],
          [[task], taskArithmetic],
          [[{ ...task, density: 0.5, elect: 'count' }], ties],
          [[{ ...task, density: 0.5, elect: 'sum', seed: 7 }], dare],
          [[], modelStock],
          [['ties', { density: 0.5 }], methodOf],
          [['slerp', { t: 0.5 }], methodOf],
        ],
      });
    },
    FUZZ_TIMEOUT,
  );
});
