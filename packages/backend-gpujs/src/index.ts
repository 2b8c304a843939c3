export type { GpujsBackend, GpujsMemory, GpujsMode, GpujsRuntime } from './backend.js';
export { gpujsBackend } from './backend.js';
export type { GpujsSlice } from './slice.js';
export type { GpujsTensor } from './tensor.js';
export { gpujsTensor } from './tensor.js';
