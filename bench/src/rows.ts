// The files of rows, by the names that `--runtime` selects. Each is imported in a process of its
// own.
import type { Row } from './row.js';

type Rows = readonly Row[];

/** Each runtime's rows. */
export const ROWS: Readonly<Record<string, () => Promise<() => Rows | Promise<Rows>>>> = {
  cpu: async () => (await import('./rows/cpu.js')).cpuRows,
  tfjs: async () => (await import('./rows/tfjs.js')).tfjsRows,
  onnx: async () => (await import('./rows/onnx.js')).onnxRows,
  gpujs: async () => (await import('./rows/gpujs.js')).gpujsRows,
  batchNorm: async () => (await import('./rows/batch-norm.js')).batchNormRows,
  training: async () => (await import('./rows/training.js')).trainingRows,
  files: async () => (await import('./rows/files.js')).filesRows,
  merge: async () => (await import('./rows/merge.js')).mergeRows,
  half: async () => (await import('./rows/half.js')).halfRows,
  torch: async () => (await import('./rows/torch.js')).torchRows,
  growth: async () => (await import('./growth/growth.js')).growthRows,
};
