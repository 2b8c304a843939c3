// Which tensors a backend has made and not yet disposed of. Where a tensor is a handle, an average
// and the model share one storage during a loan: it is freed with its last reference.
import { PolyakError } from '../error.js';
import { arrayOf, elementCount, formatSpec } from '../tensor/tensor.js';
import type { TensorSpec } from '../tensor/tensor.js';

/** What the tensors that a backend has made, and that are still needed, amount to. */
export interface LedgerMemory {
  /** How many there are; those that share a storage count once. */
  readonly tensors: number;
  /** Of their elements. */
  readonly bytes: number;
}

/** The tensors of one backend. Tensors that it did not make are their owner's, and ignored. */
export interface Ledger<T> {
  /** Notes new tensors, each with one reference, and returns them. */
  add(tensors: readonly T[]): readonly T[];
  /** Notes one more reference to each tensor, and returns them. */
  share(tensors: readonly T[]): readonly T[];
  /**
   * Takes a reference from each tensor.
   *
   * @returns those that nobody needs any more: free their storage
   * @throws PolyakError `ERR_DISPOSED` where a tensor has no reference left; then nothing is taken
   */
  release(call: string, tensors: readonly T[]): readonly T[];
  /**
   * Refuses tensors that were disposed of.
   *
   * @throws PolyakError `ERR_DISPOSED`
   */
  requireAlive(call: string, tensors: readonly T[]): void;
  /** What is alive now. */
  memory(): LedgerMemory;
}

/**
 * An empty ledger.
 *
 * @param keyOf - the object that a tensor's storage is known by, however often its record is copied
 * @param specOf - dtype and shape, also of a tensor that was disposed of
 */
export function ledger<T>(
  keyOf: (tensor: T) => object,
  specOf: (tensor: T) => TensorSpec,
): Ledger<T> {
  // Weak: what was disposed of stays known as such for as long as anyone can pass it in.
  const references = new WeakMap<object, number>();
  let count = 0;
  let bytes = 0;

  function disposed(call: string, tensor: T): PolyakError {
    return new PolyakError(
      'ERR_DISPOSED',
      `${call}: this ${formatSpec(specOf(tensor))} was disposed of. ` +
        'Use a tensor before it is disposed of, and dispose of it once.',
    );
  }

  function requireAlive(call: string, tensors: readonly T[]): void {
    for (const tensor of tensors) {
      if (references.get(keyOf(tensor)) === 0) throw disposed(call, tensor);
    }
  }

  return {
    add(tensors) {
      for (const tensor of tensors) {
        references.set(keyOf(tensor), 1);
        count += 1;
        bytes += sizeOf(specOf(tensor));
      }
      return tensors;
    },

    share(tensors) {
      requireAlive('share', tensors);
      for (const tensor of tensors) {
        const known = references.get(keyOf(tensor));
        if (known !== undefined) references.set(keyOf(tensor), known + 1);
      }
      return tensors;
    },

    release(call, tensors) {
      const taken = new Map<object, number>();
      for (const tensor of tensors) {
        const key = keyOf(tensor);
        const known = references.get(key);
        if (known === undefined) continue;
        const left = (taken.get(key) ?? known) - 1;
        if (left < 0) throw disposed(call, tensor);
        taken.set(key, left);
      }
      const free = new Map<object, T>();
      for (const tensor of tensors) {
        const key = keyOf(tensor);
        const left = taken.get(key);
        if (left === undefined) continue;
        references.set(key, left);
        if (left === 0) free.set(key, tensor);
      }
      for (const tensor of free.values()) {
        count -= 1;
        bytes -= sizeOf(specOf(tensor));
      }
      return [...free.values()];
    },

    requireAlive,

    memory: () => ({ tensors: count, bytes }),
  };
}

function sizeOf({ dtype, shape }: TensorSpec): number {
  return elementCount(shape) * arrayOf(dtype).BYTES_PER_ELEMENT;
}
