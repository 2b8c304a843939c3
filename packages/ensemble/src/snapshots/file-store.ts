// Members as safetensors files, which the caller writes and reads: core knows no file system.
import type { Awaitable, LiveModel, NamedTensors } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import {
  decodeSafetensors,
  encodeSafetensors,
  held,
  readFor,
  runWith,
} from '@polyak/core/internal';
import type { Member, MemberStore } from './member.js';

const KEY = /^snapshot-(\d{6,})\.safetensors$/;

/** Files, or whatever else holds bytes under keys such as `snapshot-000007.safetensors`. */
export interface SnapshotFiles {
  /**
   * The keys that an earlier run wrote, the oldest first: its members are members here. They are
   * read when used. Default none.
   */
  readonly keys?: readonly string[];
  /**
   * Writes all of `bytes` under `key`, in place of what is there, or nothing: write beside it, then
   * rename.
   */
  write(key: string, bytes: Uint8Array): Awaitable<void>;
  /** The bytes under `key`. */
  read(key: string): Awaitable<Uint8Array>;
  /** Removes what is under `key`. */
  remove(key: string): Awaitable<void>;
}

export function fileStore<T>(model: LiveModel<T>, files: SnapshotFiles): MemberStore {
  const { keys = [] } = files;
  let last = lastNumber(keys);
  const memberAt = (key: string): Member => {
    const read = async (): Promise<NamedTensors> => decoded(key, await files.read(key));
    return {
      read,
      runWith: async (fn, batchNorm) =>
        runWith('withMember', model, await held('withMember', model, await read()), fn, batchNorm),
      remove: () => files.remove(key),
      release() {},
    };
  };
  return {
    earlier: keys.map(memberAt),
    async take() {
      const key = `snapshot-${String(last + 1).padStart(6, '0')}.safetensors`;
      await files.write(key, encodeSafetensors(await readFor('take', model)));
      last += 1;
      return memberAt(key);
    },
  };
}

/** The number of the last of `keys`, which must ascend. */
function lastNumber(keys: readonly string[]): number {
  let last = -1;
  for (const key of keys) {
    const number = Number(KEY.exec(key)?.[1] ?? NaN);
    if (!(number > last)) {
      throw new RangeError(
        `Snapshots: the key "${key}" is not one of theirs, or not in order. Pass the names ` +
          'snapshot-<number>.safetensors, sorted.',
      );
    }
    last = number;
  }
  return last;
}

function decoded(key: string, bytes: Uint8Array): NamedTensors {
  try {
    return decodeSafetensors(bytes).tensors;
  } catch (cause) {
    if (!PolyakError.is(cause)) throw cause;
    throw new PolyakError(cause.code, `${key}: ${cause.message}`, { cause });
  }
}
