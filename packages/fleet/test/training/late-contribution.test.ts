// A contribution that is written after the end of its round, while the round is tidied.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NamedTensors } from '@polyak/core';
import { folderStore } from '@polyak/fleet';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Contribution } from '../../src/training/module.js';
import { keyOf } from '../../src/training/names.js';
import type { TrainJob } from '../../src/training/names.js';
import { decide, putObject, sha256Of } from '../../src/training/objects.js';
import { train } from '../../src/training/sandbox/train.js';
import type { TrainReport } from '../../src/training/sandbox/train.js';
import { MEAN } from './support/runs.js';

const JOB: TrainJob = { kind: 'train', run: 'r', instance: 'i', round: 0, worker: 0 };
const weightsOf = (value: number): NamedTensors => ({
  w: { dtype: 'float32', shape: [1], data: Float32Array.of(value) },
});
const bytesOf = (value: number): Uint8Array => encodeSafetensors(weightsOf(value));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-late-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Trains in a round that ends with the contribution `taken`, before this one is written. */
async function trained(value: number, taken: number): Promise<TrainReport> {
  const inner = folderStore(folder);
  const { sha256 } = await putObject(inner, (sha) => keyOf.weights(JOB, 0, sha), bytesOf(0));
  const rounds = [{ ...MEAN, workers: 1, steps: 1 }];
  const run = { version: 1, instance: JOB.instance, rounds, seed: 0, sha256, keepAll: false };
  await decide(inner, keyOf.run(JOB.run), run);
  const end = async (): Promise<void> => {
    const weights = { key: 'k', sha256: sha256Of(bytesOf(taken)) };
    const member = { worker: 0, samples: 1, metrics: {}, weights, weight: 1 };
    const closed = { round: 0, members: [member], absent: [], states: [] };
    await decide(inner, keyOf.closed(JOB, 0), closed);
    const made = await putObject(inner, (sha) => keyOf.weights(JOB, 1, sha), bytesOf(taken));
    await decide(inner, keyOf.end(JOB, 0), { round: 0, weights: made });
  };
  const module = {
    train: async (): Promise<Contribution> => {
      await end();
      return { weights: weightsOf(value), samples: 1 };
    },
  };
  // As another process that tidies the round does, just before the link of this one.
  const store = new Proxy(inner, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name);
      if (name !== 'putIfAbsent') {
        return typeof found === 'function' ? (found.bind(target) as unknown) : found;
      }
      return async (key: string, bytes: Uint8Array): Promise<boolean> => {
        const writing = new Set([key]);
        const writes = Promise.allSettled([target.putIfAbsent(key, bytes)]).then(([settled]) => {
          writing.clear();
          if (settled.status === 'rejected') throw settled.reason;
          return settled.value;
        });
        const removes = async (): Promise<void> => {
          while (writing.size > 0) {
            await target.remove(keyOf.contributions(JOB, 0)).catch(() => undefined);
          }
        };
        const [isFirst] = await Promise.all([writes, removes()]);
        return isFirst;
      };
    },
  });
  const signal = new AbortController().signal;
  return await train({ store, module, signal, pollMs: 1000 }, JOB);
}

it.each([
  ['contributed', 'the same one', 1],
  ['late', 'another one', 2],
])('answers "%s" where its round took %s', async (outcome, _what, taken) => {
  expect(await trained(1, taken)).toEqual({ outcome });
  const keys = await folderStore(folder).list('runs/');
  expect(keys).toEqual([
    expect.stringMatching(/after\/1\/weights-\w+\.safetensors$/),
    keyOf.closed(JOB, 0),
    keyOf.end(JOB, 0),
    keyOf.run(JOB.run),
  ]);
});
