// What a row's process sends, and the report that is made of it.
import type { Machine } from './measure/machine.js';
import type { PairedTiming } from './measure/paired.js';
import type { RowLabel } from './row.js';
import type { Cost } from './rows/costs/cost.js';

/** A row with what it took. */
export interface Result {
  readonly runtime: string;
  readonly row: RowLabel;
  readonly timing: PairedTiming;
}

/** Rows that did not run here, and why. */
export interface SkippedRows {
  readonly runtime: string;
  /** One row's name; all rows of the runtime without it. */
  readonly name?: string;
  readonly reason: string;
}

/** What a row's process sends. */
export type Message =
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'skipped'; readonly skipped: SkippedRows };

/** One run of the bench, as `--json` writes and `--compare` reads it. */
export interface Report {
  readonly machine: Machine;
  readonly results: readonly Result[];
  readonly skipped: readonly SkippedRows[];
  /** Empty where costs were not asked for. */
  readonly costs: readonly Cost[];
}
