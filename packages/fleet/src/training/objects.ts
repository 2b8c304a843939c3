// Reading and writing the objects of a run.
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { PolyakError } from '@polyak/core';
import type { ByteSource } from '@polyak/safetensors';
import { UnrecoverableError } from 'bullmq';
import type { Store } from '../store/store.js';
import { keyOf } from './names.js';
import type { RunName } from './names.js';
import type { ObjectReference, RunRecord } from './record.js';

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
  throw new PolyakError('ERR_CHECKPOINT', `${store.name} has no object "${key}".`);
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

/**
 * The record of a run, which must be the one that a job names.
 *
 * @throws UnrecoverableError where it is another one
 */
export async function runOf(store: Store, { run, instance }: RunName): Promise<RunRecord> {
  const record = await requireRecord<RunRecord>(store, keyOf.run(run));
  if (record.instance === instance) return record;
  throw new UnrecoverableError(
    `The job is of another run "${run}" than ${store.name} has. Use one Redis for each store.`,
  );
}

/** The first round without a result; their number where all have one. */
export async function currentRound(store: Store, run: string, rounds: number): Promise<number> {
  for (let round = 0; round < rounds; round += 1) {
    if ((await store.get(keyOf.result(run, round))) === undefined) return round;
  }
  return rounds;
}

/** The bytes of an object that must be there and be the same as before. */
export async function readObject(
  store: Store,
  { key, sha256 }: ObjectReference,
): Promise<Uint8Array> {
  const bytes = await store.get(key);
  if (bytes === undefined) {
    throw new PolyakError('ERR_CHECKPOINT', `${store.name} has no object "${key}".`);
  }
  requireSame(store, key, sha256Of(bytes), sha256);
  return bytes;
}

/** A source that is read from its first byte to its last, and hashed on the way. */
export class HashedSource implements ByteSource {
  readonly size: number;
  readonly #source: ByteSource;
  readonly #hash: Hash = createHash('sha256');
  #at = 0;

  constructor(source: ByteSource) {
    this.size = source.size;
    this.#source = source;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#source.read(offset, length);
    if (offset !== this.#at) throw new Error(`read at ${offset}, expected ${this.#at}`);
    this.#hash.update(bytes);
    this.#at += bytes.byteLength;
    return bytes;
  }

  /** Throws unless all was read, and has this SHA-256. */
  finish(store: Store, { key, sha256 }: ObjectReference): void {
    const found = this.#at === this.size ? this.#hash.digest('hex') : `${this.#at} bytes`;
    requireSame(store, key, found, sha256);
  }
}

function requireSame(store: Store, key: string, found: string, expected: string): void {
  if (found === expected) return;
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `${store.name}: "${key}" has changed: its SHA-256 is ${found}, the record has ${expected}.`,
  );
}
