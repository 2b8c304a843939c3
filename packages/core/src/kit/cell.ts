// A cell: a place of a model that holds a tensor handle. The model computes with what the cell
// holds.
import type { Parameter } from '../parameter.js';

/**
 * A {@link Parameter} over a variable. The cell is its own identity, so use one cell for each
 * place.
 */
export interface Cell<T> extends Parameter<T> {
  set(tensor: T): void;
}

/** How a cell takes and frees tensors. */
export interface CellOwner<T> {
  /**
   * Returns a tensor for the cell to hold with the contents of `tensor`: a copy, or one more
   * reference, see `Ledger.share`. `tensor` may be disposed of afterwards. Throws if the cell
   * cannot hold it.
   */
  take(tensor: T): T;
  /** Frees a tensor that the cell held, or releases its reference. Must not throw. */
  drop(tensor: T): void;
}

/**
 * Makes a cell.
 *
 * @param name - unique within the model and stable between runs
 * @param tensor - the first tensor, already taken
 * @param owner - takes and frees the tensors
 */
export function cell<T>(name: string, tensor: T, owner: CellOwner<T>): Cell<T> {
  let held = tensor;
  const parameter: Cell<T> = {
    name,
    get identity() {
      return parameter;
    },
    get: () => held,
    set(next) {
      // Taken before the old one is dropped: both may be the same tensor.
      const taken = owner.take(next);
      const old = held;
      held = taken;
      owner.drop(old);
    },
  };
  return parameter;
}
