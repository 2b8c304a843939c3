// The interfaces that others implement: backends, parameters, optimizers and batch-norm models, and
// the tensor types they use.
export type { Awaitable } from './awaitable.js';
export type {
  AveragedItem,
  AverageItem,
  AverageOptions,
  AverageResult,
  Backend,
} from './backend.js';
export type { BatchNormLayer, BatchNormModel, Moments, RunningStatistics } from './batch-norm.js';
export type { Optimizer, ParamGroup } from './optimizer.js';
export type { MemoryRange, Parameter, PlaceIdentity } from './parameter.js';
export { readState } from './state/read-state.js';
export { isTensor, recordOf } from './state/state-tree.js';
export type {
  DType,
  HostArray,
  HostArrayConstructor,
  HostTensor,
  TensorSpec,
} from './tensor/tensor.js';
export {
  arrayOf,
  canonical,
  elementCount,
  flawOf,
  formatSpec,
  isFloating,
  isHalf,
  sameSpec,
} from './tensor/tensor.js';
