// Reference counts of tensors. An average, the cell that shows it and a run that reads it share one
// handle. Its storage is freed when the last of them gives its reference back.
import { ledger } from '@polyak/core/kit';
import type { LedgerMemory } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { specOf } from './dtype.js';

/** The tensors that one backend made. Other tensors belong to their owners and are ignored. */
export interface References {
  /** Counts one reference to each new tensor, and returns the tensors. */
  add(tensors: readonly Tensor[]): readonly Tensor[];
  /** Counts one more reference to each tensor, and returns the tensors. */
  share(tensors: readonly Tensor[]): readonly Tensor[];
  /**
   * Gives back one reference to each tensor, also to those of other backends, and frees tensors
   * without references.
   *
   * @throws PolyakError `ERR_DISPOSED` where a tensor has no reference left; then nothing changes
   */
  release(call: string, tensors: readonly Tensor[]): void;
  /** What is alive now. */
  memory(): LedgerMemory;
}

/** The backend that made a tensor. Cells and models hold tensors of any backend. */
const makers = new WeakMap<Tensor, References>();

/** Tensors that had a second owner, who may still use their arrays. */
const shared = new WeakSet<Tensor>();

/**
 * Whether a tensor never had a second owner.
 *
 * @param tensor - of any maker
 */
export function isUnshared(tensor: Tensor): boolean {
  return !shared.has(tensor);
}

/**
 * Starts counting the references of a backend.
 *
 * @param free - frees the storage of a tensor
 */
export function referencesOf(free: (tensor: Tensor) => void): References {
  const counts = ledger<Tensor>((tensor) => tensor, specOf);
  const references: References = {
    add(tensors) {
      for (const tensor of tensors) makers.set(tensor, references);
      return counts.add(tensors);
    },
    share: (tensors) => counts.share(tensors),
    release(call, tensors) {
      for (const tensor of counts.release(call, tensors)) free(tensor);
      for (const tensor of tensors) if (makers.get(tensor) !== references) letGo(tensor);
    },
    memory: () => counts.memory(),
  };
  return references;
}

/**
 * Counts one more reference to a tensor of any backend.
 *
 * @param tensor - a tensor that no backend made is returned uncounted
 * @throws PolyakError `ERR_DISPOSED` where a backend has freed it
 */
export function hold(tensor: Tensor): Tensor {
  makers.get(tensor)?.share([tensor]);
  shared.add(tensor);
  return tensor;
}

/**
 * Gives a reference back. Does not throw.
 *
 * @param tensor - from {@link hold}
 */
export function letGo(tensor: Tensor): void {
  try {
    makers.get(tensor)?.release('letGo', [tensor]);
  } catch {
    // Too many references were given back, and the tensor is freed already.
  }
}

/** {@link hold} and {@link letGo} for lists. */
export const handles = {
  hold: (tensors: readonly Tensor[]): readonly Tensor[] => tensors.map(hold),
  dispose: (tensors: readonly Tensor[]): void => tensors.forEach(letGo),
};

/**
 * Runs `read`, and keeps alive the tensors that it reads.
 *
 * @param tensors - of any maker
 * @param read - a run of a session
 */
export async function whileHeld<R>(tensors: readonly Tensor[], read: () => Promise<R>): Promise<R> {
  const held: Tensor[] = [];
  try {
    for (const tensor of tensors) held.push(hold(tensor));
    return await read();
  } finally {
    for (const tensor of held) letGo(tensor);
  }
}
