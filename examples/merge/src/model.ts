// The network of the MNIST example: trained, saved as files, and scored with the weights of files.
import { readFile } from 'node:fs/promises';
import { ParameterSet } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { shuffledBatches } from '@polyak/example-mnist/batches';
import { batchSize } from '@polyak/example-mnist/problem';
import type { Problem } from '@polyak/example-mnist/problem';
import { mulberry32 } from '@polyak/example-mnist/random';
import type { Score } from '@polyak/example-mnist/run';
import type { AnyRuntime } from '@polyak/example-mnist/runtime';
import { writeWhole } from '@polyak/example-shared/write-whole';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import type { Schedule } from '@polyak/schedules';

type Network = Awaited<ReturnType<AnyRuntime['createNetwork']>>;

/** A network with what it learns from. */
export interface Model {
  readonly network: Network;
  readonly parameters: Network['optimizer']['paramGroups'][number]['params'];
  readonly weights: ParameterSet<unknown>;
  readonly problem: Problem;
}

/** How a model is trained. */
export interface Training {
  readonly epochs: number;
  /** Decides the order of the batches. */
  readonly seed: number;
  readonly schedule: Schedule;
  /** Called after each step, with the number of steps so far. */
  readonly afterStep: (step: number) => void | Promise<void>;
}

/** A new model; the same seed gives the same weights. */
export async function createModel(
  runtime: AnyRuntime,
  problem: Problem,
  seed: number,
): Promise<Model> {
  const network = await runtime.createNetwork(seed, 0);
  const parameters = network.optimizer.paramGroups.flatMap(({ params }) => params);
  const weights = new ParameterSet(parameters, { backend: runtime.backend });
  return { network, parameters, weights, problem };
}

/** Trains a model by SGD with momentum. */
export async function train(
  { network, problem }: Model,
  { epochs, seed, schedule, afterStep }: Training,
): Promise<void> {
  const random = mulberry32(seed);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for (const batch of shuffledBatches(problem.train, batchSize, random)) {
      for (const group of network.optimizer.paramGroups) group.lr = schedule(step);
      await network.optimizer.step(() => network.minimize(batch));
      step += 1;
      await afterStep(step);
    }
  }
}

/** Writes weights to a file. */
export async function save(path: string, weights: NamedTensors): Promise<void> {
  await writeWhole(path, encodeSafetensors(weights));
}

/** How good the weights in a file are, with batch norm updated for them. */
export async function scoreFile(model: Model, path: string): Promise<Score> {
  return await scoreWeights(model, decodeSafetensors(await readFile(path)).tensors);
}

/** How good weights are, with batch norm updated for them. */
export async function scoreWeights(
  { network, weights, problem }: Model,
  tensors: NamedTensors,
): Promise<Score> {
  return await weights.withWeights(tensors, () => network.score(problem.test), {
    batchNorm: network.batchNorm(problem.train),
  });
}
