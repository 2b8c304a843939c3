export type {
  CyclicLrOptions,
  CyclicMomentumOptions,
  CyclicOptions,
  CyclicScale,
} from './cyclic.js';
export { cyclicLr, cyclicMomentum, expRange, triangular, triangular2 } from './cyclic.js';
export type { OneCycleLrOptions, OneCycleMomentumOptions, OneCycleOptions } from './one-cycle.js';
export { oneCycleLr, oneCycleMomentum } from './one-cycle.js';
