// Members as safetensors files, whose bytes the caller reads and writes.
import { fromSafetensors, PolyakError, toSafetensors } from '@polyak/core';
import type { NamedTensors, ParameterSet, StateTree } from '@polyak/core';
import { isTensor, recordOf } from '@polyak/core/interfaces';
import type { Awaitable, HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { requireFit, specDifferences } from '@polyak/core/kit';
import { shown } from '../state-nodes.js';
import type { Member, MemberStore } from './member.js';

const KEY = /^snapshot-(\d{6,})\.safetensors$/;

/** Files, or other storage of bytes under keys such as `snapshot-000007.safetensors`. */
export interface SnapshotFiles {
  /**
   * The keys that an earlier run has written, the oldest first: they are the first members. Each is
   * read when it is used. Default none.
   */
  readonly keys?: readonly string[];
  /**
   * Writes `bytes` under `key`, in place of what is there. Write to another name first and then
   * rename, so that no key ever has a part of them.
   */
  write(key: string, bytes: Uint8Array): Awaitable<void>;
  /** The bytes under `key`. */
  read(key: string): Awaitable<Uint8Array>;
  /** Removes what is under `key`. */
  remove(key: string): Awaitable<void>;
}

export function fileStore<T>(model: ParameterSet<T>, files: SnapshotFiles): MemberStore {
  const keys = keysOf(files);
  let last = lastNumber(keys);
  const memberAt = (key: string): Member => {
    const read = async (): Promise<NamedTensors> =>
      decoded(key, await files.read(key), model.specs);
    return {
      read,
      runWith: async (fn, options) => model.withWeights(await read(), fn, options),
      remove: () => files.remove(key),
      release() {},
    };
  };
  return {
    earlier: keys.map(memberAt),
    async take() {
      const key = `snapshot-${String(last + 1).padStart(6, '0')}.safetensors`;
      await files.write(key, toSafetensors(await model.read()));
      last += 1;
      return memberAt(key);
    },
  };
}

/** The keys, read once. */
function keysOf({ keys = [] }: SnapshotFiles): readonly string[] {
  if (!Array.isArray(keys))
    throw new TypeError(`Snapshots: keys is ${shown(keys)}, expected a list.`);
  const own: string[] = [];
  for (const key of keys as readonly string[]) {
    if (typeof key !== 'string')
      throw new TypeError(`Snapshots: a key is ${shown(key)}, expected a string.`);
    own.push(key);
  }
  return own;
}

/** The number of the last key, or -1. Throws unless they ascend. */
function lastNumber(keys: readonly string[]): number {
  let last = -1;
  for (const key of keys) {
    const number = Number(KEY.exec(key)?.[1] ?? NaN);
    if (!(number > last)) {
      throw new RangeError(
        `Snapshots: the key "${key}" is not in order, or not of the form ` +
          'snapshot-<number>.safetensors. Pass the keys that were written, sorted.',
      );
    }
    last = number;
  }
  return last;
}

/** The weights in a file. Throws unless they fit `specs`. */
function decoded(
  key: string,
  bytes: Uint8Array,
  specs: ReadonlyMap<string, TensorSpec>,
): NamedTensors {
  const entries = Object.entries(recordOf(stateIn(key, bytes))).flatMap(
    ([name, node]): [string, HostTensor][] => (isTensor(node) ? [[name, node]] : []),
  );
  const sides = { found: 'it', expected: 'the model' };
  requireFit(specDifferences(new Map(entries), specs, sides), {
    code: 'ERR_STATE',
    call: key,
    what: 'the member',
  });
  return Object.fromEntries(entries);
}

function stateIn(key: string, bytes: Uint8Array): StateTree {
  try {
    return fromSafetensors(bytes);
  } catch (cause) {
    if (!PolyakError.is(cause)) throw cause;
    throw new PolyakError(cause.code, `${key}: ${cause.message}`, { cause });
  }
}
