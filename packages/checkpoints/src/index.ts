export type {
  Checkpoint,
  CheckpointFile,
  CheckpointFormat,
  BytesPiece,
  CopyPiece,
  TensorPiece,
  LayoutRequest,
  OutputFile,
  OutputLayout,
  OutputTensor,
  Piece,
  TensorPlace,
} from './checkpoint.js';
export type { MergeReport } from './engine/report.js';
export type { RunOptions } from './engine/run.js';
export { runMerge } from './engine/run.js';
export { HeaderCache } from './formats/header-cache.js';
export type { OpenFile } from './formats/open-file.js';
export { fromSources } from './formats/open-file.js';
export { openCheckpoint } from './formats/open.js';
export type { WritableFile, WritableHandle } from './merge/file-handles.js';
export { fileHandleSink } from './merge/file-handles.js';
export type { LinearMerge } from './merge/linear.js';
export { mean, weighted } from './merge/linear.js';
export type { NonFinitePolicy } from './merge/checks.js';
export type { OutputDType } from './merge/float-dtypes.js';
export type { MergeOptions } from './merge/options.js';
export type { MergePlan } from './merge/plan.js';
export { planMerge } from './merge/plan.js';
export type { OutputSink } from './merge/sink.js';
export type { TensorDifference } from './names/differences.js';
export { MismatchError } from './names/mismatch.js';
export type { NameRules, RenameRule } from './names/rules.js';
