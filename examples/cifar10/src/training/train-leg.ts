// One leg, epoch by epoch, with a checkpoint after each: the heart of the example.
import { Snapshots } from '@polyak/ensemble';

import { trainingBatches } from '../data/batches.js';
import { scoreOf } from '../methods/score.js';
import { createNetwork, type Network } from '../network/network.js';
import type { Leg } from '../plan/leg.js';
import { ratesOf } from '../plan/rates.js';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { identityOf } from './identity.js';
import { branchFile, lastFile, snapshotFiles, writeAverage } from './leg-files.js';
import { createObservers, type Observers } from './observers.js';
import type { EpochLine, Surroundings } from './surroundings.js';
import { createTrainer, type Trainer } from './trainer.js';

/**
 * Trains a leg up to an epoch, from where it stands; the legs that it goes on from first. Killed at
 * any moment and run again, it ends with the same files, where the runtime computes the same each
 * time; only the seconds differ.
 *
 * The trunk and its endings have the same learning rates, images and order up to the epoch where
 * they part. So the trunk is trained once: each ending is, bit for bit, what it would be if trained
 * from the beginning.
 */
export async function trainLeg(
  leg: Leg,
  surroundings: Surroundings,
  lastEpoch: number = leg.lastEpoch,
): Promise<Checkpoint> {
  const { tf, settings, problem, folder, onEpoch } = surroundings;
  const identity = identityOf(leg, surroundings);
  const own = await readCheckpoint(lastFile(folder, leg), identity);
  if (own !== undefined && own.epoch >= lastEpoch) return own;
  let checkpoint = own ?? (await branchOf(leg, surroundings));
  const firstEpoch = (leg.after?.epoch ?? 0) + 1;
  const network = createNetwork(tf, settings.network, settings.seed);
  const trainer = createTrainer(network, settings);
  const stepsPerEpoch = Math.floor(problem.train.count / settings.batchSize);
  const observers = createObservers(network, leg.observers, stepsPerEpoch);
  if (checkpoint !== undefined) {
    await trainer.restore(checkpoint.trainer);
    await observers.restore(checkpoint.observers);
  }
  const store = await snapshotFiles(folder, leg, (own?.epoch ?? firstEpoch - 1) - firstEpoch + 1);
  const snapshots = new Snapshots(network.allParameters, { backend: network.backend, store });
  for (let epoch = (own?.epoch ?? firstEpoch - 1) + 1; epoch <= lastEpoch; epoch += 1) {
    const startTime = performance.now();
    const line = await trainEpoch({ network, trainer, observers }, leg, epoch, surroundings);
    await snapshots.take();
    for (const [name, weights] of await observers.keptAfter(epoch)) {
      await writeAverage(folder, leg, { name, epoch, weights });
    }
    const seconds = (checkpoint?.seconds ?? 0) + (performance.now() - startTime) / 1000;
    checkpoint = {
      settings: identity,
      epoch,
      seconds,
      lines: [...(checkpoint?.lines ?? []), JSON.stringify(line)],
      trainer: await trainer.state(),
      observers: await observers.state(),
    };
    if (leg.branches.includes(epoch)) {
      await writeCheckpoint(branchFile(folder, leg, epoch), checkpoint);
    }
    await writeCheckpoint(lastFile(folder, leg), checkpoint);
    onEpoch?.(line, seconds);
  }
  await observers.dispose();
  trainer.dispose();
  network.dispose();
  return checkpoint ?? fail(leg);
}

interface InTraining {
  readonly network: Network;
  readonly trainer: Trainer;
  readonly observers: Observers;
}

async function trainEpoch(
  { network, trainer, observers }: InTraining,
  leg: Leg,
  epoch: number,
  { settings, problem }: Surroundings,
): Promise<EpochLine> {
  const { seed, batchSize, initialRate, scoreEvery } = settings;
  const batches = {
    [Symbol.iterator]: () => trainingBatches(problem.train, batchSize, seed, epoch),
  };
  const stepsPerEpoch = Math.floor(problem.train.count / batchSize);
  const rates = ratesOf(leg, initialRate, stepsPerEpoch);
  let steps = stepsPerEpoch * (epoch - 1);
  let [learningRate, lossSum] = [NaN, 0];
  for (const batch of batches) {
    learningRate = rates(steps);
    lossSum += await trainer.step(batch, learningRate);
    steps += 1;
    await observers.afterStep(steps);
  }
  const line = {
    seed,
    leg: leg.name,
    epoch,
    learningRate,
    trainLoss: lossSum / stepsPerEpoch,
  };
  if (epoch % scoreEvery !== 0 && epoch !== leg.lastEpoch) return line;
  const live = scoreOf(await network.predict(problem.test), problem.test.labels);
  // Batch norm sees the images as this epoch's training saw them.
  const averages = await observers.score(problem.test, batches);
  return { ...line, live, ...(averages.length > 0 && { averages }) };
}

/** The end of the leg before, trained if it is not there; nothing for the first leg. */
async function branchOf(leg: Leg, surroundings: Surroundings): Promise<Checkpoint | undefined> {
  if (leg.after === undefined) return undefined;
  const { leg: before, epoch } = leg.after;
  await trainLeg(before, surroundings, epoch);
  const path = branchFile(surroundings.folder, before, epoch);
  const branch = await readCheckpoint(path, identityOf(before, surroundings));
  if (branch !== undefined) return { ...branch, seconds: 0, lines: [] };
  throw new Error(`${before.name} keeps no checkpoint after epoch ${epoch}, expected ${path}.`);
}

function fail({ name }: Leg): never {
  throw new Error(`The leg ${name} has no epochs.`);
}
