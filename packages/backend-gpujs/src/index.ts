export type { ActivationLayout, ActivationOptions } from './activation.js';
export type { GpujsBackend, GpujsMemory } from './backend.js';
export { gpujsBackend } from './backend.js';
export type {
  BatchNorm,
  BatchNormGradients,
  BatchNormOptions,
  TrainedBatchNorm,
} from './batch-norm.js';
export { batchNorm } from './batch-norm.js';
export type { BatchNormNetwork } from './batch-norm-model.js';
export { batchNormModel } from './batch-norm-model.js';
export type { FlatKernel, FlatKernelOptions, KernelArgument, KernelArray } from './flat-kernel.js';
export { flatKernel, freeArrays, hostArray, lengthOf } from './flat-kernel.js';
export type { GpujsMode, GpujsRuntime } from './gpu.js';
export type { LayerParameter } from './layer-parameter.js';
export { layerParameter } from './layer-parameter.js';
export type { MomentsPass } from './moments-pass.js';
export type { GpujsSlice } from './pack.js';
export type { GpujsParameter } from './parameter.js';
export { gpujsParameter } from './parameter.js';
export type { GpujsTensor } from './tensor.js';
export { gpujsTensor } from './tensor.js';
