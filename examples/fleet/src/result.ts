// What comes out of the example.
import type { Score } from '@polyak/example-mnist/run';
import type { FleetOptions } from './options.js';

/** One job of the fleet, as its contribution records it. */
export interface Job {
  readonly round: number;
  /** Which of the round's workers. */
  readonly worker: number;
  /** Which process did it, from 1. */
  readonly process: number;
  /** Seconds from the start of the run. */
  readonly started: number;
  readonly ended: number;
  readonly loss: number;
}

/** A row of the table. */
export interface Row extends Score {
  readonly name: string;
  /** How many images the steps had together. */
  readonly samples: number;
  /** From the start of the training until these weights were there. */
  readonly seconds: number;
}

/** What came out. */
export interface FleetResult {
  readonly options: FleetOptions;
  readonly backend: string;
  readonly testImages: number;
  readonly rows: readonly Row[];
  readonly jobs: readonly Job[];
  /**
   * Which process was killed, and its lost work, in seconds from the start of the run; undefined
   * where the run had ended before.
   */
  readonly killed:
    undefined | { readonly process: number; readonly started: number; readonly at: number };
  readonly seconds: number;
}
