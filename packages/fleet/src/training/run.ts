// Starting a run and following it.
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { mergeAverages, PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { requireFunction, requireOptions, requireSignal } from '@polyak/core/kit';
import { encodeSafetensors } from '@polyak/safetensors';
import type { Fleet } from '../fleet.js';
import { readFleet } from '../fleet.js';
import type { Store } from '../store/store.js';
import { jobId, keyOf, requireRunId } from './names.js';
import type { RunName } from './names.js';
import { decide, endOf, positionOf, recordOf, requireRecord, sha256Of } from './objects.js';
import type { RoundPlan } from './round-plan.js';
import { requireRounds } from './require-rounds.js';
import { addRound, lackOf, removeFailed, withQueues } from './queues.js';
import type { Queues } from './queues.js';
import { isCancelled } from './record.js';
import type { RoundRecord, RoundResult, RunRecord } from './record.js';
import { removeRound } from './rounds.js';
import { shown } from './shown.js';
import { readTensors } from './tensor-stream.js';
import { tidyRound } from './tidy-round.js';

const OPTIONS = ['id', 'rounds', 'weights', 'seed', 'keepAll'];
const WAIT_OPTIONS = ['signal', 'onProgress', 'onWarning'];

// What makes two runs different, as their records and their options call it.
const COMPARED: readonly (readonly [keyof RunRecord, string])[] = [
  ['version', 'version'],
  ['rounds', 'rounds'],
  ['seed', 'seed'],
  ['sha256', 'weights'],
  ['keepAll', 'keepAll'],
];

// How often a handle looks for the next result, in milliseconds.
const POLL_MS = 200;
// How often it looks whether there are workers, in milliseconds.
const WORKERS_MS = 5000;

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
  /** Gets what is no reason to end, such as that there is no worker. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
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
   * @throws PolyakError `ERR_ROUND` where the run was cancelled or removed, or a round had no
   *   quorum; starting it again tries that round once more
   * @throws Error where Redis is not reached; while it is away later on, this waits
   */
  wait(options?: WaitOptions): Promise<RunResult>;
  /**
   * Cancels the run: no more jobs are done, and the objects of its rounds are removed. A run that
   * has ended stays as it is.
   */
  cancel(): Promise<void>;
}

/**
 * Starts a run, or attaches to it where one of the same id, plan and weights was started. A run
 * that failed goes on with the round that failed.
 *
 * @param fleet - see {@link Fleet}
 * @param options - see {@link RunOptions}
 * @returns a handle; workers do the rest, and need none
 * @throws RangeError or TypeError for an option that is unknown, of a wrong type or out of range
 * @throws PolyakError `ERR_EXISTS` where another run has the id, `ERR_ROUND` where the run was
 *   cancelled, `ERR_UNSUPPORTED` for weights that are not float32 or float64, `ERR_NON_FINITE` for
 *   NaN or an infinity in them
 * @throws Error where Redis is not reached
 */
export async function startRun(fleet: Fleet, options: RunOptions): Promise<Run> {
  const own = readFleet('startRun', fleet);
  const { store, url } = own;
  const given = requireOptions('startRun', options, OPTIONS);
  const { id, seed = 0, keepAll = false } = given;
  requireRunId('startRun', id);
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`startRun: the seed is ${shown(seed)}, expected an integer.`);
  }
  if (typeof keepAll !== 'boolean') {
    throw new TypeError(`startRun: keepAll is ${shown(keepAll)}, expected a boolean.`);
  }
  const rounds = requireRounds('startRun', given.rounds);
  if (typeof given.weights !== 'object') {
    const found = shown(given.weights);
    throw new TypeError(`startRun: weights is ${found}, expected tensors by name.`);
  }
  // Refuses what cannot be averaged.
  const { mean } = mergeAverages([{ mean: given.weights, weight: 1 }]);
  const weights = encodeSafetensors(mean);
  const sha256 = sha256Of(weights);
  const made: RunRecord = { version: 1, instance: randomUUID(), rounds, seed, sha256, keepAll };
  await decide(store, keyOf.run(id), made);
  const found = await requireRecord<RunRecord>(store, keyOf.run(id));
  requireAlike(store, id, found, made);
  const name = { run: id, instance: found.instance };
  const position = await positionOf(store, name, rounds.length);
  if (position.isCancelled) {
    const message = `startRun: the run "${id}" was cancelled. Choose another id.`;
    throw new PolyakError('ERR_ROUND', message);
  }
  const plan = rounds[position.round];
  if (position.round === 0) {
    await store.putIfAbsent(keyOf.weights(name, 0, sha256), weights);
    // The round may have ended meanwhile.
    await tidyRound(store, name, 0);
  }
  if (plan !== undefined) {
    await withQueues('startRun', url, (queues) => resume(queues, name, position.round, plan));
  }
  return new FleetRun(own, name, rounds);
}

/** Throws where a run of this id was started with other options. */
function requireAlike(store: Store, id: string, found: RunRecord, made: RunRecord): void {
  const own = JSON.parse(JSON.stringify(made)) as RunRecord;
  const others = COMPARED.filter(([key]) => !isDeepStrictEqual(found[key], own[key]));
  if (others.length === 0) return;
  const names = others.map(([, option]) => option).join(', ');
  throw new PolyakError(
    'ERR_EXISTS',
    `startRun: ${store.name} has another run "${id}", which differs in: ${names}. ` +
      'Choose another id.',
  );
}

class FleetRun implements Run {
  readonly id: string;
  readonly #name: RunName;
  readonly #fleet: Fleet;
  readonly #rounds: readonly RoundPlan[];

  constructor(fleet: Fleet, name: RunName, rounds: readonly RoundPlan[]) {
    this.id = name.run;
    this.#name = name;
    this.#fleet = fleet;
    this.#rounds = rounds;
  }

  async wait(options: WaitOptions = {}): Promise<RunResult> {
    const { signal, onProgress, onWarning } = readWaitOptions(options);
    const { store, url } = this.#fleet;
    const rounds = this.#rounds.length;
    return await withQueues('wait', url, async (queues) => {
      const done: RoundProgress[] = [];
      let lookAt = Date.now() + WORKERS_MS;
      let lack: string | undefined;
      while (done.length < rounds) {
        signal?.throwIfAborted();
        const result = await this.#resultOf(done.length);
        if (result === undefined) {
          await this.#requireGoing(queues, done.length);
          if (Date.now() >= lookAt) {
            lookAt = Date.now() + WORKERS_MS;
            const before = lack;
            lack = await lackOf(queues);
            if (lack !== undefined && lack !== before) onWarning(lack);
          }
          await setTimeout(POLL_MS, undefined, signal === undefined ? {} : { signal });
          continue;
        }
        const key = keyOf.closed(this.#name, done.length);
        const record = await requireRecord<RoundRecord>(store, key);
        const progress = { rounds, record, result };
        done.push(progress);
        onProgress?.(progress);
      }
      const { weights } = (done.at(-1) as RoundProgress).result;
      return { weights: await readTensors(store, weights), key: weights.key, rounds: done };
    });
  }

  async cancel(): Promise<void> {
    const { store, url } = this.#fleet;
    const { round: current } = await positionOf(store, this.#name, this.#rounds.length);
    for (const [ahead, plan] of this.#rounds.slice(current).entries()) {
      const round = current + ahead;
      await decide(store, keyOf.end(this.#name, round), { round, cancelled: true });
      const end = await endOf(store, this.#name, round);
      // It ended in this moment.
      if (end === undefined || !isCancelled(end)) continue;
      await withQueues('cancel', url, async (queues) => {
        await queues.rounds.remove(jobId.round(this.#name, round));
        await removeRound(store, queues, this.#name, round, plan);
      });
      return;
    }
  }

  /** The result of a round, if it has ended; throws where the run was cancelled in it. */
  async #resultOf(round: number): Promise<RoundResult | undefined> {
    const end = await endOf(this.#fleet.store, this.#name, round);
    if (end === undefined || !isCancelled(end)) return end;
    const message = `wait: the run "${this.id}" was cancelled. Start another one, with another id.`;
    throw new PolyakError('ERR_ROUND', message);
  }

  /** Throws where a round failed or its run was removed; begins the round where nobody does. */
  async #requireGoing(queues: Queues, round: number): Promise<void> {
    const { store } = this.#fleet;
    const { rounds } = queues;
    if ((await recordOf(store, this.#name)) === undefined) {
      const message = `wait: the run "${this.id}" was removed from ${store.name}. Start it again.`;
      throw new PolyakError('ERR_ROUND', message);
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

function readWaitOptions(
  options: WaitOptions,
): WaitOptions & Required<Pick<WaitOptions, 'onWarning'>> {
  const given = requireOptions('wait', options, WAIT_OPTIONS);
  const { signal, onProgress, onWarning = (text: string) => console.warn(text) } = given;
  requireSignal('wait', signal);
  if (onProgress !== undefined) requireFunction('wait', 'onProgress', onProgress);
  requireFunction('wait', 'onWarning', onWarning);
  return { ...given, onWarning };
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
