export type {
  Checkpoint,
  CheckpointFile,
  CheckpointFormat,
  LayoutRequest,
  OutputFile,
  OutputLayout,
  OutputTensor,
  Piece,
  TensorPlace,
} from './checkpoint.js';
export type { Block, MergeMethod, TensorMerge } from './merge/method.js';
export { BLOCK } from './merge/method.js';
export type { FitOptions, TensorDifference } from './names/differences.js';
export { differences } from './names/differences.js';
export { MismatchError, requireFit } from './names/mismatch.js';
export { renameOf } from './names/rename.js';
export type { RowRange } from './names/rows.js';
export { rescaledWeights, rowRanges } from './names/rows.js';
export type { NamedTensors, NameRules, RenameRule } from './names/rules.js';
export { applyNames } from './names/rules.js';
export type { OutputSink } from './merge/sink.js';
export type { MergeReport } from './engine/report.js';
export type { RunOptions } from './engine/run.js';
export { runMerge } from './engine/run.js';
export type { LinearMerge } from './merge/linear.js';
export { mean, weighted } from './merge/linear.js';
export type { MergeOptions, MergePlan, NonFinitePolicy, OutputDType } from './merge/plan.js';
export { planMerge } from './merge/plan.js';
export { HeaderCache } from './formats/header-cache.js';
export { openCheckpoint } from './formats/open.js';
export type { OpenFile } from './formats/open-file.js';
export { fromSources } from './formats/open-file.js';
export { isPolyakState, polyakCheckpoint } from './formats/polyak.js';
export { safetensorsCheckpoint } from './formats/safetensors.js';
export { shardedCheckpoint } from './formats/sharded.js';
export type { DareOptions } from './methods/dare.js';
export { dare } from './methods/dare.js';
export { METHODS, methodOf } from './methods/from-options.js';
export { modelStock } from './methods/model-stock.js';
export type { TaskOptions } from './methods/options.js';
export type { Election } from './methods/sign-election.js';
export { slerp } from './methods/slerp.js';
export { taskArithmetic } from './methods/task-arithmetic.js';
export type { TiesOptions } from './methods/ties.js';
export { ties } from './methods/ties.js';
export type { TensorDiff } from './inspect/diff.js';
export { diffCheckpoints } from './inspect/diff.js';
export type { ValueDifference } from './inspect/pair.js';
export type { TensorStatistics } from './inspect/statistics.js';
export { tensorStatistics } from './inspect/statistics.js';
export type { InspectOptions, InspectProgress } from './inspect/stretches.js';
export type { ValueStatistics } from './inspect/values.js';
export { mergeRecordOf } from './provenance/read-record.js';
export type { MergeRecord, RecordedInput } from './provenance/record.js';
export { RECORD_KEY } from './provenance/record.js';
export type { VerifiedFile, VerifyOptions } from './provenance/verify.js';
export { verifyCheckpoint } from './provenance/verify.js';
export type { WritableFile, WritableHandle } from './merge/file-handles.js';
export { fileHandleSink } from './merge/file-handles.js';
