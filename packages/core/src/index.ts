export { AveragedModel } from './averaging/averaged-model.js';
export type { AveragesState, AverageState, GroupState } from './averaging/averages-state.js';
export type { WeightedAverage } from './averaging/merge-averages.js';
export { mergeAverages } from './averaging/merge-averages.js';
export type { AveragingOptions } from './averaging/options.js';
export type { AveragedOptions, DisposeOptions, SwapOptions } from './averaging/show.js';
export type { AveragedReport, SkippedReport, UpdateReport } from './averaging/update-report.js';
export type {
  AveragedBatchNorm,
  BnStatistics,
  BnUpdateOptions,
  Loader,
} from './batch-norm/bn-update.js';
export { bnUpdate } from './batch-norm/bn-update.js';
export type { PolyakErrorCode } from './error.js';
export { PolyakError } from './error.js';
export type { NonFinitePolicy } from './non-finite.js';
export type { ParameterSource } from './parameters/parameter-list.js';
export { ParameterSet } from './parameters/parameter-set.js';
export type { ParameterSetOptions, WithWeightsOptions } from './parameters/parameter-set.js';
export type { NamedTensors } from './state/named-tensors.js';
export { fromSafetensors, toSafetensors, toSafetensorsChunks } from './state/state-bytes.js';
export type { StateTree } from './state/state-tree.js';
export type { SWAParamGroup } from './swa/group.js';
export type { SWAGroupState, SWAOptions, SWAState } from './swa/machine.js';
export { observedOptimizer } from './swa/observed-optimizer.js';
export type { AutomaticMode, ManualMode, Mode, ModeOptions } from './swa/plan.js';
export { SWA } from './swa/swa.js';
