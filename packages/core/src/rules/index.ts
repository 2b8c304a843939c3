export {
  debiasedExponential,
  equal,
  exponential,
  halfLife,
  lastK,
  powerFunction,
  powerWarmUp,
  rationalWarmUp,
  saturatingWarmUp,
} from './averaging-rules.js';
export type { PowerWarmUp } from './averaging-rules.js';
export type { DecayCurve } from './decay-weights.js';
export { decayWeights, exponentialWeights } from './decay-weights.js';
export type { PowerProfile } from './post-hoc.js';
export { gammaOf, postHocWeights } from './post-hoc.js';
export type { AveragingRule, MovingRule, RuleOptions, WindowRule } from './rule.js';
