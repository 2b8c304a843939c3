// ONNX Runtime as this package sees it: types only; the runtime itself is passed in.

/** The module `onnxruntime-node`, as `import * as ort from 'onnxruntime-node'` gives it. */
export type Ort = typeof import('onnxruntime-node');

/** An execution provider of ONNX Runtime, by its own name. */
export type ExecutionProvider = 'cpu' | 'webgpu' | 'cuda';
