export type { Awaitable, Backend, CompensatedAverages, Parameter } from './backend.js';
export type { BatchNormLayer, BatchNormModel, Moments, RunningStatistics } from './batch-norm.js';
export type { AveragedBatchNorm, BnStatistics, BnUpdateOptions, Loader } from './bn-update.js';
export { bnUpdate } from './bn-update.js';
export type { PolyakErrorCode } from './error.js';
export { PolyakError } from './error.js';
export { observedOptimizer } from './observed-optimizer.js';
export type { ImportedAverage, ImportOptions } from './interop/imported-average.js';
export { fromAveragedModel, fromDiffusers, fromTorchcontrib } from './interop/pytorch.js';
export type { PowerProfile } from './rules/post-hoc.js';
export { gammaOf, postHocWeights } from './rules/post-hoc.js';
export type { Optimizer, ParamGroup } from './optimizer.js';
export type { AutomaticMode, ManualMode, Mode, ModeOptions, StepPlan } from './plan.js';
export { modeOf, plan } from './plan.js';
export type { AveragingRule, MovingRule, PowerWarmUp, WindowRule } from './rules/rule.js';
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
} from './rules/rule.js';
export { fromSafetensors, toSafetensors } from './state-bytes.js';
export type { StateTree } from './state-tree.js';
export { recordOf } from './state-tree.js';
export { SWA } from './swa.js';
export type { SWAParamGroup } from './swa-group.js';
export type { SWAOptions } from './swa-options.js';
export type { NamedTensors, SWAAverageState, SWAGroupState, SWAState } from './swa-state.js';
export type { DType, HostArray, HostArrayConstructor, HostTensor, TensorSpec } from './tensor.js';
export { arrayOf, elementCount, formatSpec, isFloating, sameSpec } from './tensor.js';
export type { UpdateReport } from './update-report.js';
export type { LiveModel } from './weights.js';
export { readWeights, withWeights, writeWeights } from './weights.js';
