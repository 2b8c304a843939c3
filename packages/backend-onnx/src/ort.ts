// The types of ONNX Runtime. The runtime itself is always an argument.

/** The module `onnxruntime-node`, as `import * as ort from 'onnxruntime-node'` gives it. */
export type Ort = typeof import('onnxruntime-node');

/** An execution provider, by the name that ONNX Runtime gives it. */
export type ExecutionProvider = 'cpu' | 'webgpu' | 'cuda';
