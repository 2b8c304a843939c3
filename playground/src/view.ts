// What the page draws: posted by the worker as it changes, and kept in a recorded run.
import type { Box } from './plane/box.js';
import type { Point } from './plane/plane.js';
import type { RuleName } from './training/rules.js';
import type { Scores } from './training/scores.js';
import type { Controls, Settings } from './training/settings.js';

export type BackendName = 'wasm' | 'webgl' | 'webgpu';

/** The state of the run in the worker. */
export type Status =
  'recorded' | 'starting' | 'running' | 'paused' | 'measuring' | 'finished' | 'failed';

/** One epoch of a run. */
export interface EpochView {
  readonly epoch: number;
  readonly rate: number;
  readonly live: Scores;
  readonly decayed: Scores;
  /** The scores of each average, from its first update on. */
  readonly averages?: Readonly<Record<RuleName, Scores>>;
  /** The predicted classes, packed by `packed`. */
  readonly predictions: { readonly live: string; readonly average?: string };
}

/** The path over the loss of the training data. */
export interface ValleyView {
  readonly box: Box;
  /** One point an epoch. */
  readonly live: readonly Point[];
  /** One point an epoch from the first average on. */
  readonly average: readonly Point[];
  /** The loss at each cell, row by row from the least `y` on; rows that are missing come later. */
  readonly rows: readonly (readonly number[])[];
  readonly size: number;
}

/** Test loss by distance along random directions. */
export interface FlatnessView {
  readonly radii: readonly number[];
  readonly live: readonly number[];
  readonly decayed: readonly number[];
  readonly average: readonly number[];
}

/** The weights that the network in the worker holds. */
interface HeldView {
  readonly weights: 'live' | 'average';
  /** Whether the batch norm has statistics of these weights. */
  readonly isBatchNormUpdated: boolean;
  readonly scores: Scores;
}

/** The mean of snapshots. */
export interface SoupView {
  readonly epochs: readonly number[];
  readonly scores: Scores;
  readonly point?: Point;
}

export interface View {
  readonly status: Status;
  readonly settings: Settings;
  readonly controls: Controls;
  readonly backend: BackendName;
  readonly epochs: readonly EpochView[];
  readonly valley?: ValleyView | undefined;
  readonly flatness?: FlatnessView | undefined;
  readonly held?: HeldView | undefined;
  readonly soup?: SoupView | undefined;
  /** Mean milliseconds of a training step, and of averaging in it. */
  readonly timing?: { readonly step: number; readonly update: number } | undefined;
  /** Whether the browser keeps the run; not known before it was saved. */
  readonly isKept?: boolean | undefined;
  /** Why the run failed. */
  readonly failure?: string;
}

/** Test accuracies after the last epoch. */
export interface Means {
  readonly live: number;
  readonly decayed: number;
  readonly average: number;
}

/** Test accuracies of one seed. */
export interface SeedResult extends Means {
  readonly seed: number;
}

/** What several seeds have given. */
export interface SeedResults {
  readonly seeds: readonly SeedResult[];
  readonly mean: Means;
  /** The means of the seeds without wrong labels. */
  readonly rightLabels: Means;
  /** The means of the seeds at a learning rate of 0.1. */
  readonly lowRate: Means;
}
