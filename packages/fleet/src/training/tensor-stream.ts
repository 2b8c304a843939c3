// Reads the tensors of an object one after the other, and checks that it has not changed.
import { createHash } from 'node:crypto';
import { PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import type { HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { openSafetensors } from '@polyak/safetensors';
import type { ByteSource, SafetensorsReader } from '@polyak/safetensors';
import type { Store } from '../store/store.js';
import { requireSame } from './objects.js';
import type { ObjectReference } from './record.js';

/** The tensors of an object, which are read once each and in their order. */
export interface TensorStream {
  /** The dtypes and shapes, in the order of the tensors. */
  readonly specs: ReadonlyMap<string, TensorSpec>;
  /** Reads the next tensor. */
  read(name: string): Promise<HostTensor>;
  /** Throws unless all was read, and is what the reference says. */
  finish(): void;
  /** Closes the object. */
  close(): Promise<void>;
}

async function openTensors(store: Store, reference: ObjectReference): Promise<TensorStream> {
  const { key, sha256 } = reference;
  const object = await store.open(key);
  const source = new HashedSource(object);
  let reader: SafetensorsReader;
  try {
    reader = await openSafetensors(source);
  } catch (cause) {
    await object.close();
    const message = `${store.name}: "${key}" is not readable: ${(cause as Error).message}`;
    throw new PolyakError('ERR_CHECKPOINT', `${message} Start another run.`, { cause });
  }
  return {
    // The weights of runs are float32 and float64.
    specs: reader.tensors as ReadonlyMap<string, TensorSpec>,
    read: (name) => reader.read(name),
    finish: () => {
      requireSame(store, key, source.sha256(), sha256);
    },
    close: () => object.close(),
  };
}

/** Reads objects, which must be the same as before. */
export async function withTensors<T>(
  store: Store,
  references: readonly ObjectReference[],
  use: (streams: readonly TensorStream[]) => Promise<T>,
): Promise<T> {
  const streams: TensorStream[] = [];
  try {
    for (const reference of references) streams.push(await openTensors(store, reference));
    const result = await use(streams);
    for (const stream of streams) stream.finish();
    return result;
  } finally {
    for (const stream of streams) await stream.close();
  }
}

/** All tensors of an object. */
export async function readTensors(store: Store, reference: ObjectReference): Promise<NamedTensors> {
  const stream = await openTensors(store, reference);
  try {
    const tensors: [string, HostTensor][] = [];
    for (const name of stream.specs.keys()) tensors.push([name, await stream.read(name)]);
    stream.finish();
    return Object.fromEntries(tensors);
  } finally {
    await stream.close();
  }
}

/** The dtypes and shapes of the tensors of an object. */
export async function readSpecs(
  store: Store,
  reference: ObjectReference,
): Promise<ReadonlyMap<string, TensorSpec>> {
  const stream = await openTensors(store, reference);
  await stream.close();
  return stream.specs;
}

/** A source that is read from its first byte to its last, and hashed on the way. */
class HashedSource implements ByteSource {
  readonly size: number;
  readonly #source: ByteSource;
  readonly #hash = createHash('sha256');
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

  /** Of all bytes; no SHA-256 where not all were read. */
  sha256(): string {
    return this.#at === this.size ? this.#hash.digest('hex') : `that of ${this.#at} bytes`;
  }
}
