// A ledger of the tensors that a backend has made and not disposed of. If tensors are handles, an
// average and the model may share one storage during a loan, which is freed with its last
// reference.
import { PolyakError } from '../error.js';
import { arrayOf, elementCount, formatSpec } from '../tensor/tensor.js';
import type { TensorSpec } from '../tensor/tensor.js';

/** The memory of the tensors that a backend has made and not disposed of. */
export interface LedgerMemory {
  /** The number of tensors; those that share a storage count once. */
  readonly tensors: number;
  /** The bytes of their elements. */
  readonly bytes: number;
}

/** The tensors of one backend. Tensors that the backend did not make are ignored. */
export interface Ledger<T> {
  /** Records new tensors, each with one reference, and returns them. */
  add(tensors: readonly T[]): readonly T[];
  /** Records one more reference to each tensor, and returns them. */
  share(tensors: readonly T[]): readonly T[];
  /**
   * Removes one reference from each tensor.
   *
   * @returns the tensors without references left, whose storage the caller frees
   * @throws PolyakError `ERR_DISPOSED` if a tensor has no reference left; then nothing is removed
   */
  release(call: string, tensors: readonly T[]): readonly T[];
  /**
   * Throws if a tensor was disposed of.
   *
   * @throws PolyakError `ERR_DISPOSED`
   */
  requireAlive(call: string, tensors: readonly T[]): void;
  /** The memory in use now. */
  memory(): LedgerMemory;
}

/**
 * Makes an empty ledger.
 *
 * @param keyOf - the object that identifies a tensor's storage, also in copies of its record
 * @param specOf - the dtype and shape, also of a tensor that was disposed of
 */
export function ledger<T>(
  keyOf: (tensor: T) => object,
  specOf: (tensor: T) => TensorSpec,
): Ledger<T> {
  // Weak keys: a disposed tensor stays known as such while it is reachable.
  const references = new WeakMap<object, number>();
  let count = 0;
  let bytes = 0;

  function disposed(call: string, tensor: T): PolyakError {
    return new PolyakError(
      'ERR_DISPOSED',
      `${call}: this ${formatSpec(specOf(tensor))} was disposed of. ` +
        'Do not use a tensor after disposing of it, and dispose of it once.',
    );
  }

  function requireAlive(call: string, tensors: readonly T[]): void {
    for (const tensor of tensors) {
      if (references.get(keyOf(tensor)) === 0) throw disposed(call, tensor);
    }
  }

  /** Records one more reference. */
  function referTo(tensor: T): void {
    const known = references.get(keyOf(tensor));
    if (known !== undefined) references.set(keyOf(tensor), known + 1);
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
      for (const tensor of tensors) referTo(tensor);
      return tensors;
    },

    release(call, tensors) {
      const free: T[] = [];
      for (const [index, tensor] of tensors.entries()) {
        const key = keyOf(tensor);
        const known = references.get(key);
        if (known === 0) {
          for (const earlier of tensors.slice(0, index)) referTo(earlier);
          throw disposed(call, tensor);
        }
        if (known !== undefined) references.set(key, known - 1);
        if (known === 1) free.push(tensor);
      }
      for (const tensor of free) {
        count -= 1;
        bytes -= sizeOf(specOf(tensor));
      }
      return free;
    },

    requireAlive,

    memory: () => ({ tensors: count, bytes }),
  };
}

function sizeOf({ dtype, shape }: TensorSpec): number {
  return elementCount(shape) * arrayOf(dtype).BYTES_PER_ELEMENT;
}
