// What a check of an embedding is given.
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';

/** Options of `checkEmbedding`. */
export interface CheckEmbeddingOptions<T> {
  /** The runtime that holds the parameters. */
  readonly backend: Backend<T>;
  /**
   * Runs the model on a fixed input and returns its output: the same numbers for the same weights,
   * so without dropout. Logits show more than classes or probabilities do.
   */
  readonly predict: () => Awaitable<ArrayLike<number>>;
  /** The names of parameters that `predict` does not compute with. Default none. */
  readonly unused?: readonly string[];
}
