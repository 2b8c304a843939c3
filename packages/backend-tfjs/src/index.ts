export type { TfjsBackend } from './backend.js';
export { tfjsBackend } from './backend.js';
export type { BatchNormModelOptions, CustomBatchNormModelOptions } from './batch-norm-model.js';
export { batchNormModel } from './batch-norm-model.js';
export { registerConvGradient } from './conv-gradient.js';
export type {
  LoadedTensorFlow,
  LoadTensorFlowOptions,
  SkippedBackend,
  TensorFlowBackend,
} from './load-tensorflow.js';
export { loadTensorFlow } from './load-tensorflow.js';
export type { DatasetBatch, InputBatch, ModelInputs } from './model-inputs.js';
export { modelParameters, variableParameters } from './model-parameters.js';
export { tfjsOptimizer } from './optimizer.js';
export type { SwaCallback, SwaCallbackOptions } from './swa-callback.js';
export { swaCallback } from './swa-callback.js';
export type { SwaOptimizer } from './swa-optimizer.js';
export { registerSwaOptimizer, swaOptimizer } from './swa-optimizer.js';
export type { TensorFlow, TensorFlowWithLayers } from './tensorflow.js';
