export type { WebgpuBackend } from './backend.js';
export { webgpuBackend } from './backend.js';
export { webgpuParameter } from './parameter.js';
export type { WebgpuTensor } from './tensor.js';
