export type { ActivationLayout, ActivationOptions } from './network/activation.js';
export { gpujsBackend } from './averaging/backend.js';
export type { GpujsBackend, GpujsMemory } from './averaging/mode-backend.js';
export type {
  BatchNorm,
  BatchNormGradients,
  BatchNormOptions,
  TrainedBatchNorm,
} from './network/batch-norm.js';
export { batchNorm } from './network/batch-norm.js';
export type { BatchNormNetwork } from './network/batch-norm-model.js';
export { batchNormModel } from './network/batch-norm-model.js';
export type {
  FlatKernel,
  FlatKernelOptions,
  KernelArgument,
  KernelArray,
} from './network/flat-kernel.js';
export { flatKernel, freeArrays, hostArray, lengthOf } from './network/flat-kernel.js';
export type { GpujsMode, GpujsRuntime } from './gpu.js';
export { layerParameter } from './network/layer-parameter.js';
export type { MomentsPass } from './network/moments-pass.js';
export type { GpujsSlice } from './averaging/pack.js';
export type { GpujsParameter } from './parameter.js';
export { gpujsParameter } from './parameter.js';
export type { GpujsTensor } from './tensor.js';
export { gpujsTensor } from './tensor.js';
