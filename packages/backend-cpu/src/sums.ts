export { sumKernels } from './sums/choose-sums.js';
export type { Checksum, HalfOrFloatDType, SumDType, SumKernels } from './sums/sum-kernels.js';
export { SUM_BLOCK } from './sums/sum-kernels.js';
