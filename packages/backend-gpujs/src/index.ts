export type { GpujsBackend, GpujsMemory } from './backend.js';
export { gpujsBackend } from './backend.js';
export type { GpujsMode, GpujsRuntime } from './gpu.js';
export type { GpujsSlice } from './pack.js';
export type { GpujsParameter } from './parameter.js';
export { gpujsParameter } from './parameter.js';
export type { GpujsTensor } from './tensor.js';
export { gpujsTensor } from './tensor.js';
