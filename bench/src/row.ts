// A row of the table: one operation on arrays of one size, and the yardstick on the same arrays.
import type { Operation } from './paired.js';

/** What a row times, with its arrays allocated. */
export interface Subject {
  readonly variant: Operation;
  /** The yardstick: as a rule `destination.set(source)` on arrays that the variant uses. */
  readonly reference: Operation;
  /** Frees what the garbage collector does not. */
  readonly release?: () => unknown;
}

/** A row of the table. */
export interface Row {
  readonly name: string;
  readonly elements: number;
  /** The yardstick, as the table names it: `set()`, or the plain `loop` over typed arrays. */
  readonly against: 'set()' | 'loop';
  /** Read and written, per element, for the column of bandwidths. */
  readonly bytesPerElement: number;
  /** The largest ratio that `--gate` lets pass. */
  readonly gate?: number;
  /**
   * Allocates; called right before the row is timed, so that only one row's arrays exist at a time.
   */
  prepare(): Subject | Promise<Subject>;
}
