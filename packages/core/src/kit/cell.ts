// A place of a model that holds a handle: what the model computes with is what the cell holds.
import type { Parameter } from '../parameter.js';

/**
 * A {@link Parameter} over a variable. It is its own identity: hand out the same cell each time.
 */
export interface Cell<T> extends Parameter<T> {
  set(tensor: T): void;
}

/** What a cell does with the tensors that it comes to hold. */
export interface CellOwner<T> {
  /**
   * The tensor for the cell to hold, with the contents of `tensor`, which may be disposed of
   * afterwards: a copy, or a reference more, see `Ledger.share`. Refuses what the cell cannot hold.
   */
  take(tensor: T): T;
  /** Frees what the cell held, or gives its reference back. Does not throw. */
  drop(tensor: T): void;
}

/**
 * A place that holds a tensor.
 *
 * @param name - unique within the model and stable between runs
 * @param tensor - what it holds first, already taken
 * @param owner - of what it holds
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
      // First taken and then dropped: it may be the same.
      const taken = owner.take(next);
      const old = held;
      held = taken;
      owner.drop(old);
    },
  };
  return parameter;
}
