// The options of SWA where the optimizer and the backend are known.
import type { ModeOptions, SWAOptions } from '@polyak/core';
import type { RuleOptions } from '@polyak/core/rules';
import type { Tensor } from '@tensorflow/tfjs-core';

/** The options of `SWA` without the backend, which is the active one of the `tf` that is passed. */
export type AveragingByOptimizer = ModeOptions &
  RuleOptions &
  Pick<SWAOptions<Tensor>, 'compensated' | 'nonFinite' | 'onUpdate' | 'onWarning'>;
