export type { CosineAnnealingLrOptions } from './cosine-annealing-lr.js';
export { cosineAnnealingLr } from './cosine-annealing-lr.js';
export type { CosineAnnealingWarmRestartsOptions } from './cosine-annealing-warm-restarts.js';
export { cosineAnnealingWarmRestarts } from './cosine-annealing-warm-restarts.js';
export type {
  CyclicLrOptions,
  CyclicMomentumOptions,
  CyclicOptions,
  CyclicScale,
} from './cyclic.js';
export { cyclicLr, cyclicMomentum, expRange, triangular, triangular2 } from './cyclic.js';
export type { CyclicSwaLrOptions } from './cyclic-swa-lr.js';
export { cyclicSwaLr } from './cyclic-swa-lr.js';
export type { ExponentialLrOptions } from './exponential-lr.js';
export { exponentialLr } from './exponential-lr.js';
export type { LambdaLrOptions } from './lambda-lr.js';
export { lambdaLr } from './lambda-lr.js';
export type { LinearLrOptions } from './linear-lr.js';
export { linearLr } from './linear-lr.js';
export type { MultiStepLrOptions } from './multi-step-lr.js';
export { multiStepLr } from './multi-step-lr.js';
export type { MultiplicativeLrOptions } from './multiplicative-lr.js';
export { multiplicativeLr } from './multiplicative-lr.js';
export type { OneCycleLrOptions, OneCycleMomentumOptions, OneCycleOptions } from './one-cycle.js';
export { oneCycleLr, oneCycleMomentum } from './one-cycle.js';
export type { PolynomialLrOptions } from './polynomial-lr.js';
export { polynomialLr } from './polynomial-lr.js';
export type { Plateau, PlateauState, ReduceLrOnPlateauOptions } from './reduce-lr-on-plateau.js';
export { reduceLrOnPlateau } from './reduce-lr-on-plateau.js';
export type { Schedule } from './schedule.js';
export { sequentialLr } from './sequential-lr.js';
export type { SnapshotLrOptions } from './snapshot-lr.js';
export { snapshotLr } from './snapshot-lr.js';
export type { StepLrOptions } from './step-lr.js';
export { stepLr } from './step-lr.js';
export type { ChainedSwaLrOptions, SwaLrOptions } from './swa-lr.js';
export { chainedSwaLr, swaLr } from './swa-lr.js';
export type { SwaPaperLrOptions } from './swa-paper-lr.js';
export { swaPaperLr } from './swa-paper-lr.js';
