// Reading and writing the objects of a run.
import { createHash } from 'node:crypto';
import { PolyakError } from '@polyak/core';
import { UnrecoverableError } from 'bullmq';
import type { Store } from '../store/store.js';
import { keyOf } from './names.js';
import type { RunName } from './names.js';
import { isCancelled } from './record.js';
import type { ObjectReference, RoundEnd, RoundResult, RoundStart, RunRecord } from './record.js';

/** The SHA-256 of bytes, in hexadecimal. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A record; undefined where there is none. */
export async function readRecord<T>(store: Store, key: string): Promise<T | undefined> {
  const bytes = await store.get(key);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch (cause) {
    const message = `${store.name}: "${key}" is not JSON. Start another run.`;
    throw new PolyakError('ERR_CHECKPOINT', message, { cause });
  }
}

/** A record that must be there. */
export async function requireRecord<T>(store: Store, key: string): Promise<T> {
  const record = await readRecord<T>(store, key);
  if (record !== undefined) return record;
  throw missing(store, key);
}

/**
 * Writes a record unless there is one.
 *
 * @returns whether this one is there now
 */
export async function decide(store: Store, key: string, record: object): Promise<boolean> {
  const text = `${JSON.stringify(record, undefined, 2)}\n`;
  return await store.putIfAbsent(key, new TextEncoder().encode(text));
}

/** Writes an object that is named by its bytes. */
export async function putObject(
  store: Store,
  keyFor: (sha256: string) => string,
  bytes: Uint8Array,
): Promise<ObjectReference> {
  const sha256 = sha256Of(bytes);
  const key = keyFor(sha256);
  await store.putIfAbsent(key, bytes);
  return { key, sha256 };
}

/** The bytes of an object that must be there and be the same as before. */
export async function readObject(
  store: Store,
  { key, sha256 }: ObjectReference,
): Promise<Uint8Array> {
  const bytes = await store.get(key);
  if (bytes === undefined) throw missing(store, key);
  requireSame(store, key, sha256Of(bytes), sha256);
  return bytes;
}

/** Throws where an object has changed. */
export function requireSame(store: Store, key: string, found: string, expected: string): void {
  if (found === expected) return;
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `${store.name}: "${key}" has changed: its SHA-256 is ${found}, the record has ${expected}. ` +
      'Start another run.',
  );
}

/** The record of a run; undefined where it was removed, and perhaps another run has its id. */
export async function recordOf(
  store: Store,
  { run, instance }: RunName,
): Promise<RunRecord | undefined> {
  const record = await readRecord<RunRecord>(store, keyOf.run(run));
  return record?.instance === instance ? record : undefined;
}

/**
 * The record of the run that a job names.
 *
 * @throws UnrecoverableError where it is not there; what its jobs have left is removed
 */
export async function runOf(store: Store, name: RunName): Promise<RunRecord> {
  const record = await recordOf(store, name);
  if (record !== undefined) return record;
  await store.remove(keyOf.folder(name));
  throw new UnrecoverableError(
    `${store.name} does not have the run "${name.run}" that this job belongs to: it was removed, ` +
      'or is in another store. Use one Redis for each store.',
  );
}

/** How a round ended; undefined while it goes on. */
export async function endOf(
  store: Store,
  name: RunName,
  round: number,
): Promise<RoundEnd | undefined> {
  return await readRecord<RoundEnd>(store, keyOf.end(name, round));
}

/** Where a run is. */
export interface Position {
  /** The first round without a result; the number of rounds where all have one. */
  readonly round: number;
  readonly isCancelled: boolean;
}

/**
 * Where a run is.
 *
 * @param from - the rounds before this one have results
 */
export async function positionOf(
  store: Store,
  name: RunName,
  rounds: number,
  from = 0,
): Promise<Position> {
  for (let round = from; round < rounds; round += 1) {
    const end = await endOf(store, name, round);
    if (end === undefined || isCancelled(end)) return { round, isCancelled: end !== undefined };
  }
  return { round: rounds, isCancelled: false };
}

/** What a round starts from. */
export async function startOf(
  store: Store,
  name: RunName,
  round: number,
  { sha256 }: RunRecord,
): Promise<RoundStart> {
  if (round === 0) return { weights: { key: keyOf.weights(name, 0, sha256), sha256 } };
  return await requireRecord<RoundResult>(store, keyOf.end(name, round - 1));
}

function missing(store: Store, key: string): PolyakError {
  const message = `${store.name} has no object "${key}". It was removed: start another run.`;
  return new PolyakError('ERR_CHECKPOINT', message);
}
