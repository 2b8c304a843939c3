// A row of the table: one piece of work on arrays of one size, and the yardstick beside it.
import type { Operation } from './measure/paired.js';

/** What a row times, with its arrays allocated. */
export interface Subject {
  readonly variant: Operation;
  /** The yardstick, on arrays of the same size: as a rule those of the variant. */
  readonly reference: Operation;
  /** Frees what the garbage collector does not. */
  readonly release?: () => unknown;
}

/** The point of a growth curve that a row is. */
export interface GrowthPoint {
  /** What is counted along the curve. */
  readonly by: 'weight' | 'update' | 'tensor';
  /** How many of them the work is done with. */
  readonly at: number;
  /** How many of them one call of the variant works through. */
  readonly units: number;
}

/** What a row says about itself. */
export interface RowLabel {
  /** What is done, as `--work` selects it: `update`, `swap`, `bnUpdate`. */
  readonly work: string;
  /** The runtime with its mode, and what is called: `tfjs wasm, SWA.updateSwa`. */
  readonly name: string;
  /** How many tensors the elements are in. */
  readonly tensors: number;
  /** The elements of all tensors together. */
  readonly elements: number;
  /** The yardstick in a few words: `set()`, `plain loop`, `forward pass`. */
  readonly against: string;
  /**
   * Whether the yardstick is what people would otherwise use. Otherwise it is a limit, such as a
   * copy of the same bytes.
   */
  readonly isPeer?: boolean;
  /** Read and written, per element, for the column of bandwidths. */
  readonly bytesPerElement?: number;
  /** The ratio to reach. */
  readonly target?: number;
  /** The largest ratio that `--gate` lets pass, with a margin that a busy machine keeps. */
  readonly gate?: number;
  /** One sentence for the page: why the ratio is what it is. */
  readonly note?: string;
  /** Set where the row is a point of a growth curve, which the page draws. */
  readonly growth?: GrowthPoint;
}

/** A row of the table. */
export interface Row extends RowLabel {
  /** How many pairs are timed; fewer than usual where a call takes a second. */
  readonly pairs?: number;
  /**
   * Allocates; called right before the row is timed, so that only one row's arrays exist at a time.
   *
   * @throws Skipped where the row cannot run here
   */
  prepare(): Subject | Promise<Subject>;
}

/** Thrown where rows cannot run on this machine. The report shows the reason. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}
