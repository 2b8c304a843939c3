// A training that saves a checkpoint every few steps, and goes on from the latest in its folder.
import { readFile } from 'node:fs/promises';
import { fileStore } from '@polyak/checkpoints/node';
import { CheckpointFolder } from '@polyak/checkpoints/saving';
import { fromSafetensors } from '@polyak/core';
import type { NamedTensors, StateTree } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { selectDigits } from '@polyak/example-mnist/mnist';
import { mulberry32, shuffledIndices } from '@polyak/example-mnist/random';
import { traineeOf } from './trainee.js';
import type { Kind } from './trainee.js';

/** What a process trains. */
export interface Training {
  readonly kind: Kind;
  /** A file of `images` and `labels`. */
  readonly digits: string;
  readonly folder: string;
  /** Decides the weights and the order of the images; of a run that goes on, its record does. */
  readonly seed: number;
  readonly steps: number;
  readonly saveEvery: number;
  readonly maxToKeep: number | null;
}

const BATCH = 8;

/** All that a run goes on from, in one file. */
type Progress = {
  readonly seed: number;
  readonly step: number;
  /** The images of this epoch in their order. */
  readonly order: HostTensor;
  readonly weights: NamedTensors;
  readonly swa: StateTree;
};

/** Trains to the end; `onBegin` is called before the first step. */
export async function train(training: Training, onBegin: () => void): Promise<void> {
  const { kind, steps, saveEvery, maxToKeep } = training;
  const { images, labels } = recordOf(fromSafetensors(await readFile(training.digits)));
  const digits = {
    images: (images as HostTensor).data as Float32Array,
    labels: (labels as HostTensor).data as Uint8Array,
    count: (labels as HostTensor).data.length,
  };
  const { swa, weights, minimize } = await traineeOf(kind, training.seed);
  const options = { maxToKeep: maxToKeep ?? Infinity, saveTopK: 2 } as const;
  const folder = new CheckpointFolder(fileStore(training.folder), options);
  const stepsPerEpoch = Math.floor(digits.count / BATCH);
  const orderOf = (seed: number, step: number): Uint32Array =>
    shuffledIndices(digits.count, mulberry32(seed + 1000 * Math.floor(step / stepsPerEpoch)));

  let { seed } = training;
  let step = 0;
  let order = orderOf(seed, 0);
  const latest = await folder.latest();
  if (latest !== undefined) {
    const progress = (await folder.load(latest)) as Progress;
    ({ seed, step } = progress);
    order = Uint32Array.from(progress.order.data as Int32Array);
    await weights.write(progress.weights);
    await swa.loadStateDict(progress.swa);
  }
  onBegin();
  while (step < steps) {
    if (step % stepsPerEpoch === 0) order = orderOf(seed, step);
    const start = (step % stepsPerEpoch) * BATCH;
    const batch = selectDigits(digits, order.subarray(start, start + BATCH));
    const loss = await swa.step(async () => minimize(batch));
    step += 1;
    if (step % saveEvery !== 0) continue;
    const progress: Progress = {
      seed,
      step,
      order: { dtype: 'int32', shape: [order.length], data: Int32Array.from(order) },
      weights: await weights.read(),
      swa: await swa.stateDict(),
    };
    await folder.save(step, progress, { metric: loss ?? Number.NaN });
  }
}
