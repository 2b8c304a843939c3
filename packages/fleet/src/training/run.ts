// Starting a run and following it.
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { mergeAverages, PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { requireOptions } from '@polyak/core/kit';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import type { Fleet } from '../fleet.js';
import { connected, producerConnection } from '../queue/connection.js';
import { jobId, keyOf, requireRunId } from './names.js';
import type { RunName } from './names.js';
import {
  currentRound,
  decide,
  readObject,
  readRecord,
  requireRecord,
  sha256Of,
} from './objects.js';
import type { RoundPlan } from './plan.js';
import { requireRounds } from './require-rounds.js';
import { addRound, openQueues, removeFailed } from './queues.js';
import type { Queues } from './queues.js';
import type { RoundRecord, RoundResult, RunRecord } from './record.js';
import { removeAll } from './rounds.js';

const OPTIONS = ['id', 'rounds', 'weights', 'seed', 'keepAll'];

// How often a handle looks for the next result, in milliseconds.
const POLL_MS = 200;

/** What {@link startRun} starts. */
export interface RunOptions {
  /** Names the run: letters, digits, `-`, `_` and `.`, beginning with a letter or digit. */
  readonly id: string;
  /** The rounds; see {@link localSgd}, {@link diloco}, {@link swap} and {@link sweepSoup}. */
  readonly rounds: readonly RoundPlan[];
  /** The weights of the first round, float32 or float64. */
  readonly weights: NamedTensors;
  /** The seed of the seeds that workers get. Default 0. */
  readonly seed?: number;
  /** Whether all objects of all rounds stay in the store. Default false. */
  readonly keepAll?: boolean;
}

/** A round that has ended. */
export interface RoundProgress {
  /** How many rounds the run has. */
  readonly rounds: number;
  /** Who took part. */
  readonly record: RoundRecord;
  /** What came of it. */
  readonly result: RoundResult;
}

/** How {@link Run.wait} waits. */
export interface WaitOptions {
  /** Ends the waiting, not the run. */
  readonly signal?: AbortSignal;
  /** Called once for each round, in order, when it has ended. */
  readonly onProgress?: (progress: RoundProgress) => void;
}

/** The result of a run. */
export interface RunResult {
  /** The final weights. */
  readonly weights: NamedTensors;
  /** Their object in the store, a safetensors file. */
  readonly key: string;
  /** What happened in each round. */
  readonly rounds: readonly RoundProgress[];
}

/** A run that was started. */
export interface Run {
  /** Its name. */
  readonly id: string;
  /**
   * Waits until the run has ended.
   *
   * @throws PolyakError `ERR_ROUND` where the run was cancelled, or a round had no quorum; starting
   *   it again tries that round once more
   */
  wait(options?: WaitOptions): Promise<RunResult>;
  /** Cancels the run: no more jobs are done, and the objects of its rounds are removed. */
  cancel(): Promise<void>;
}

/**
 * Starts a run, or attaches to it where one of the same id, plan and weights was started. A run
 * that failed goes on with the round that failed.
 *
 * @param fleet - see {@link Fleet}
 * @param options - see {@link RunOptions}
 * @returns a handle; workers do the rest, and need none
 * @throws RangeError for an id or a round that is out of range
 * @throws PolyakError `ERR_EXISTS` where another run has the id, `ERR_UNSUPPORTED` for weights
 *   that are not float32 or float64, `ERR_NON_FINITE` for NaN or an infinity in them
 */
export async function startRun(fleet: Fleet, options: RunOptions): Promise<Run> {
  const { store, url } = fleet;
  const given = requireOptions('startRun', options, OPTIONS);
  const { id, rounds, seed = 0, keepAll = false } = given;
  requireRunId('startRun', id);
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`startRun: the seed is ${seed}, expected an integer.`);
  }
  requireRounds('startRun', rounds);
  // Refuses what cannot be averaged.
  const { mean } = mergeAverages([{ mean: given.weights, weight: 1 }]);
  const weights = encodeSafetensors(mean);
  const sha256 = sha256Of(weights);
  const made: RunRecord = { version: 1, instance: randomUUID(), rounds, seed, sha256, keepAll };
  await decide(store, keyOf.run(id), made);
  const found = await requireRecord<RunRecord>(store, keyOf.run(id));
  const record = { ...made, instance: found.instance };
  if (!isDeepStrictEqual(found, JSON.parse(JSON.stringify(record)))) {
    throw new PolyakError(
      'ERR_EXISTS',
      `startRun: ${store.name} has another run "${id}", with other rounds, weights or seed. ` +
        'Choose another id.',
    );
  }
  const round = await currentRound(store, id, rounds.length);
  const plan = rounds[round];
  const name = { run: id, instance: found.instance };
  if (plan !== undefined && (await store.get(keyOf.cancelled(id))) === undefined) {
    if (round === 0) await store.putIfAbsent(keyOf.weights(id, 0, rounds.length), weights);
    await withQueues(url, (queues) => resume(queues, name, round, plan));
  }
  return new FleetRun(fleet, name, rounds.length);
}

class FleetRun implements Run {
  readonly id: string;
  readonly #name: RunName;
  readonly #fleet: Fleet;
  readonly #rounds: number;

  constructor(fleet: Fleet, name: RunName, rounds: number) {
    this.id = name.run;
    this.#name = name;
    this.#fleet = fleet;
    this.#rounds = rounds;
  }

  async wait({ signal, onProgress }: WaitOptions = {}): Promise<RunResult> {
    const { store, url } = this.#fleet;
    return await withQueues(url, async (queues) => {
      const done: RoundProgress[] = [];
      while (done.length < this.#rounds) {
        signal?.throwIfAborted();
        const result = await readRecord<RoundResult>(store, keyOf.result(this.id, done.length));
        if (result === undefined) {
          await this.#requireGoing(queues, done.length);
          await setTimeout(POLL_MS, undefined, signal === undefined ? {} : { signal });
          continue;
        }
        const key = keyOf.closed(this.id, done.length);
        const record = await requireRecord<RoundRecord>(store, key);
        const progress = { rounds: this.#rounds, record, result };
        done.push(progress);
        onProgress?.(progress);
      }
      const { weights } = (done.at(-1) as RoundProgress).result;
      const { tensors } = decodeSafetensors(await readObject(store, weights));
      return { weights: tensors, key: weights.key, rounds: done };
    });
  }

  async cancel(): Promise<void> {
    const { store, url } = this.#fleet;
    const round = await currentRound(store, this.id, this.#rounds);
    if (round === this.#rounds) return;
    await decide(store, keyOf.cancelled(this.id), { round });
    await withQueues(url, async (queues) => {
      await queues.rounds.remove(jobId.round(this.#name, round));
      await removeAll(store, queues, this.id);
    });
  }

  /** Throws where the run was cancelled or its round failed; begins it where nobody does. */
  async #requireGoing(queues: Queues, round: number): Promise<void> {
    const { rounds } = queues;
    if ((await this.#fleet.store.get(keyOf.cancelled(this.id))) !== undefined) {
      throw new PolyakError('ERR_ROUND', `wait: the run "${this.id}" was cancelled.`);
    }
    const id = jobId.round(this.#name, round);
    // While Redis is away, nobody knows.
    const state = await rounds.getJobState(id).catch(() => undefined);
    // Redis has lost the job, or the round before is about to add it: both add the same one.
    if (state === 'unknown') await addRound(queues, this.#name, round).catch(() => undefined);
    if (state !== 'failed') return;
    const job = await rounds.getJob(id).catch(() => undefined);
    const reason = job?.failedReason;
    if (reason !== undefined) throw new PolyakError('ERR_ROUND', `wait: ${reason}`);
  }
}

/** Adds the job of a round; again, with those of its workers, where it failed. */
async function resume(
  queues: Queues,
  name: RunName,
  round: number,
  { workers }: RoundPlan,
): Promise<void> {
  const job = await queues.rounds.getJob(jobId.round(name, round));
  const state = await job?.getState();
  if (state === 'failed' || state === 'completed') {
    await removeFailed(queues, name, round, workers);
    await job?.remove();
  }
  await addRound(queues, name, round);
}

async function withQueues<T>(url: string, use: (queues: Queues) => Promise<T>): Promise<T> {
  const connection = producerConnection(url);
  await connected(connection, url);
  const queues = openQueues(connection);
  try {
    await queues.rounds.waitUntilReady();
    return await use(queues);
  } finally {
    await queues.close();
    connection.disconnect();
  }
}
