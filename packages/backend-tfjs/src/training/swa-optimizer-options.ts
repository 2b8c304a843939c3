// The options of swaOptimizer, and their names.
import type { Parameter } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { AveragingByOptimizer } from './options.js';

/** Options of `swaOptimizer`: those of `SWA`, with `swaStart` and `swaFreq`. */
export type SwaOptimizerOptions = AveragingByOptimizer;

/** What `model.save` cannot save of {@link SwaOptimizerOptions}. */
export type LoadedSwaOptimizerOptions = Pick<
  SwaOptimizerOptions,
  'rule' | 'averages' | 'onUpdate' | 'onWarning'
>;

/** Options of `SwaOptimizer.swapSwaSgd`. */
export interface SwaOptimizerSwapOptions {
  /** The name of the average, where there are several. Default the first. */
  readonly average?: string;
  /**
   * The trained variables, from `modelParameters` or `variableParameters`. Needed right after a
   * load, since the optimizer learns its variables from the first gradients.
   */
  readonly parameters?: readonly Parameter<Tensor>[];
}

type KeysOf<Union> = Union extends unknown ? keyof Union : never;

/** What `model.save` cannot save. */
const UNSAVED: Readonly<Record<KeysOf<LoadedSwaOptimizerOptions>, true>> = {
  rule: true,
  averages: true,
  onUpdate: true,
  onWarning: true,
};

const OPTIONS: Readonly<Record<KeysOf<SwaOptimizerOptions>, true>> = {
  swaStart: true,
  swaFreq: true,
  swaLr: true,
  compensated: true,
  nonFinite: true,
  ...UNSAVED,
};

/** The names of {@link SwaOptimizerOptions}. */
export const OPTION_NAMES: readonly string[] = Object.keys(OPTIONS);

/** The names of {@link LoadedSwaOptimizerOptions}. */
export const UNSAVED_NAMES: readonly string[] = Object.keys(UNSAVED);
