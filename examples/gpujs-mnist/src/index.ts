export type { DigitBatch, DigitNetwork } from './network.js';
export { classes, digitNetwork } from './network.js';
export type { TensorPlan } from './plans.js';
export { digitParameters, digitStatistics } from './plans.js';
export type { InitialWeights } from './weights.js';
