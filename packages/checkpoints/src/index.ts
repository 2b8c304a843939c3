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
