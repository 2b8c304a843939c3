export type { TfjsBackend } from './averaging/backend.js';
export { tfjsBackend } from './averaging/backend.js';
export type {
  BatchNormModelOptions,
  CustomBatchNormModelOptions,
} from './batch-norm/batch-norm-model.js';
export { batchNormModel } from './batch-norm/batch-norm-model.js';
export { registerConvGradient } from './training/conv-gradient.js';
export type {
  LoadedTensorFlow,
  LoadTensorFlowOptions,
  SkippedBackend,
  TensorFlowBackend,
} from './load-tensorflow.js';
export { loadTensorFlow } from './load-tensorflow.js';
export type { BatchDataset, BatchSource } from './model/batch-loader.js';
export { batchLoader } from './model/batch-loader.js';
export type { GraphModel } from './model/graph-model.js';
export type { DatasetBatch, InputBatch, ModelInputs } from './model/model-inputs.js';
export { modelParameters, variableParameters } from './model/model-parameters.js';
export { tfjsOptimizer } from './training/optimizer.js';
export type { SwaCallback, SwaCallbackOptions } from './callback/options.js';
export { swaCallback } from './callback/swa-callback.js';
export type { AveragingByOptimizer } from './training/options.js';
export type { SwaOptimizer } from './training/swa-optimizer.js';
export type {
  LoadedSwaOptimizerOptions,
  SwaOptimizerOptions,
  SwaOptimizerSwapOptions,
} from './training/swa-optimizer-options.js';
export { registerSwaOptimizer, swaOptimizer } from './training/swa-optimizer.js';
export type { TensorFlow, TensorFlowWithLayers } from './tensorflow.js';
