// The job that computes what comes of a round, from the record of the round alone.
import type { NamedTensors } from '@polyak/core';
import type { HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { specDifferences, TensorMerge } from '@polyak/core/kit';
import { greedySoup } from '@polyak/ensemble';
import { decodeSafetensors, encodeSafetensors, openSafetensors } from '@polyak/safetensors';
import type { StoredTensor } from '@polyak/safetensors';
import { UnrecoverableError } from 'bullmq';
import type { Store, StoredObject } from '../../store/store.js';
import type { TrainingModule, WeightsRequest } from '../module.js';
import { keyOf } from '../names.js';
import type { CombineJob } from '../names.js';
import { decide, HashedSource, readObject, runOf, requireRecord, sha256Of } from '../objects.js';
import { outerStep } from './outer-step.js';
import type { RoundPlan } from '../plan.js';
import { pollingSignal } from './polling.js';
import type { Sandbox } from './polling.js';
import type { Member, ObjectReference, RoundRecord, RoundResult } from '../record.js';
import { checkedWeights, resultOf, settingsOf, specsOf, startOf } from './round-weights.js';

/** What contributions made. */
interface Combined {
  readonly weights: NamedTensors;
  /** Of the outer optimizer. */
  readonly momentum?: NamedTensors;
  /** The workers in a greedy soup, the best first. */
  readonly soup?: readonly number[];
}

/** A round that is combined. */
interface Round {
  readonly store: Store;
  readonly module: TrainingModule;
  readonly job: CombineJob;
  readonly plan: RoundPlan;
  readonly members: readonly Member[];
  readonly start: NamedTensors;
  /** What the module gets with weights, which it may change. */
  readonly request: (weights: NamedTensors) => WeightsRequest;
}

/** Does a job that combines. Done twice, the first result stays. */
export async function combine(sandbox: Sandbox, job: CombineJob): Promise<void> {
  const { store, module } = sandbox;
  const { run, round } = job;
  const isOver = async (): Promise<boolean> =>
    (await store.get(keyOf.cancelled(run))) !== undefined ||
    (await store.get(keyOf.result(run, round))) !== undefined;
  const record = await runOf(store, job);
  if (await isOver()) return;
  const { members } = await requireRecord<RoundRecord>(store, keyOf.closed(run, round));
  const plan = record.rounds[round] as RoundPlan;
  const polling = pollingSignal(sandbox, isOver);
  try {
    const start = await startOf(store, run, round, record);
    const options = settingsOf(plan, 0);
    const request = (weights: NamedTensors): WeightsRequest => {
      return { weights: structuredClone(weights), options, signal: polling.signal };
    };
    const made = await combined({ store, module, job, plan, members, start, request });
    // Nobody would remove what came after the end.
    if (await isOver()) return;
    const key = keyOf.weights(run, round + 1, record.rounds.length);
    const weights = await place(store, key, made.weights);
    const momentum =
      made.momentum === undefined
        ? undefined
        : await place(store, keyOf.momentum(run, round + 1), made.momentum);
    const placed = decodeSafetensors(await readObject(store, weights)).tensors;
    const score = await module.evaluate?.(request(placed));
    const result: RoundResult = {
      round,
      weights,
      ...(momentum === undefined ? {} : { momentum }),
      ...(score === undefined ? {} : { score }),
      ...(made.soup === undefined ? {} : { soup: made.soup }),
    };
    await decide(store, keyOf.result(run, round), result);
  } catch (error) {
    if (!(await isOver())) throw error;
  } finally {
    polling.stop();
  }
}

/** Writes tensors; of several processes that do so, the first one's stay. */
async function place(store: Store, key: string, tensors: NamedTensors): Promise<ObjectReference> {
  const own = encodeSafetensors(tensors);
  const isPlaced = await store.putIfAbsent(key, own);
  const bytes = isPlaced ? own : ((await store.get(key)) as Uint8Array);
  return { key, sha256: sha256Of(bytes) };
}

async function combined(round: Round): Promise<Combined> {
  const { module, plan, start, request } = round;
  const made = await byKind(round);
  if (plan.bnUpdate !== true) return made;
  if (module.bnUpdate === undefined) throw lacks('bnUpdate');
  const weights = await module.bnUpdate(request(made.weights));
  return { ...made, weights: checkedWeights('bnUpdate', weights, specsOf(start)) };
}

async function byKind(round: Round): Promise<Combined> {
  const { store, job, plan, start } = round;
  const kind = plan.combine;
  if (kind.kind === 'greedy-soup') return await soupOf(round);
  const mean = await meanOf(round);
  if (kind.kind === 'mean') return { weights: mean };
  const last = job.round === 0 ? undefined : await resultOf(store, job.run, job.round - 1);
  const before: NamedTensors =
    last?.momentum === undefined
      ? {}
      : decodeSafetensors(await readObject(store, last.momentum)).tensors;
  const steps = Object.entries(start).map(([name, tensor]) => {
    const step = outerStep(kind, tensor, mean[name] as HostTensor, before[name]);
    return [name, step] as const;
  });
  return {
    weights: Object.fromEntries(steps.map(([name, { weights }]) => [name, weights])),
    momentum: Object.fromEntries(steps.map(([name, { momentum }]) => [name, momentum])),
  };
}

async function soupOf({ store, module, members, start, request }: Round): Promise<Combined> {
  const { evaluate } = module;
  if (evaluate === undefined) throw lacks('evaluate');
  const candidates = await Promise.all(
    members.map(async ({ weights }) => decodeSafetensors(await readObject(store, weights)).tensors),
  );
  const soup = await greedySoup(candidates, (weights) => evaluate(request(weights)));
  return {
    weights: checkedWeights('greedySoup', soup.weights, specsOf(start)),
    soup: soup.members.map((index) => (members[index] as Member).worker),
  };
}

/** The mean of the members, read once, one tensor at a time, in the order of the record. */
async function meanOf({ store, members, start }: Round): Promise<NamedTensors> {
  const objects: StoredObject[] = [];
  try {
    for (const { weights } of members) objects.push(await store.open(weights.key));
    const sources = objects.map((object) => new HashedSource(object));
    const readers = [];
    for (const source of sources) readers.push(await openSafetensors(source));
    for (const [index, { tensors }] of readers.entries()) {
      const { worker } = members[index] as Member;
      const sides = { found: `worker ${worker}`, expected: 'the round' };
      const specs = tensors as ReadonlyMap<string, StoredTensor & TensorSpec>;
      const found = specDifferences(specs, specsOf(start), sides);
      if (found.length > 0) throw new UnrecoverableError(`${found.join('; ')}.`);
    }
    const mean = new Map<string, HostTensor>();
    // They hold the same tensors, and so in the same order.
    for (const name of readers[0]?.tensors.keys() ?? []) {
      const merge = new TensorMerge(`the mean of "${name}"`, start[name] as HostTensor);
      for (const [index, reader] of readers.entries()) {
        merge.add(await reader.read(name), (members[index] as Member).weight);
      }
      mean.set(name, merge.finish());
    }
    for (const [index, source] of sources.entries()) {
      source.finish(store, (members[index] as Member).weights);
    }
    return Object.fromEntries(mean);
  } finally {
    for (const object of objects) await object.close();
  }
}

function lacks(what: string): UnrecoverableError {
  return new UnrecoverableError(`The module exports no ${what}, which this round needs.`);
}
