export { sumKernels } from './sums/choose-sums.js';
export type { HalfOrFloatDType, SumDType, SumKernels, WordSums } from './sums/sum-kernels.js';
export { SUM_BLOCK } from './sums/sum-kernels.js';
