// Reference counts of tensors. An average, the cell that shows it and a run that reads it share one
// handle. Its storage is freed when the last of them releases it.
import { ledger } from '@polyak/core/kit';
import type { LedgerMemory } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { specOf } from './dtype.js';

/** The tensors of one backend. Tensors that it did not make are their owner's, and ignored. */
export interface References {
  /** Notes new tensors, each with one reference, and returns them. */
  add(tensors: readonly Tensor[]): readonly Tensor[];
  /** Notes one more reference to each tensor, and returns them: see {@link handles}. */
  share(tensors: readonly Tensor[]): readonly Tensor[];
  /**
   * Takes a reference from each tensor, also from those of other backends, and frees those without
   * any.
   *
   * @throws PolyakError `ERR_DISPOSED` where a tensor has none left; then nothing is taken
   */
  release(call: string, tensors: readonly Tensor[]): void;
  /** What is alive now. */
  memory(): LedgerMemory;
}

/** Which backend made a tensor: cells and models come to hold tensors of any. */
const makers = new WeakMap<Tensor, References>();

/** Tensors that somebody has held beside their first owner, who may have kept their arrays. */
const shared = new WeakSet<Tensor>();

/**
 * Whether nobody but its first owner has ever held a tensor.
 *
 * @param tensor - of any maker
 */
export function isUnshared(tensor: Tensor): boolean {
  return !shared.has(tensor);
}

/**
 * The references of a backend without tensors.
 *
 * @param free - frees the storage of one
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
 * Notes one more reference to a tensor, whichever backend made it.
 *
 * @param tensor - one that no backend made is its owner's to keep alive
 * @throws PolyakError `ERR_DISPOSED` where a backend has freed it
 */
export function hold(tensor: Tensor): Tensor {
  makers.get(tensor)?.share([tensor]);
  shared.add(tensor);
  return tensor;
}

/**
 * Gives a reference back. Does not throw: whoever took one too many has freed it already.
 *
 * @param tensor - from {@link hold}
 */
export function letGo(tensor: Tensor): void {
  try {
    makers.get(tensor)?.release('letGo', [tensor]);
  } catch {
    // It has no reference left to give back.
  }
}

/** {@link hold} and {@link letGo} for lists. */
export const handles = {
  hold: (tensors: readonly Tensor[]): readonly Tensor[] => tensors.map(hold),
  dispose: (tensors: readonly Tensor[]): void => tensors.forEach(letGo),
};

/**
 * Runs `read` while nobody can free the tensors that it reads.
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
