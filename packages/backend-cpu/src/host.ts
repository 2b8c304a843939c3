export type { HeapKernels } from './heap-kernels.js';
export { heapKernels } from './heap-kernels.js';
export type { HostKernels } from './host-kernels.js';
export { hostKernels } from './host-kernels.js';
export type { HalfArray, LiveArray } from './half/half-array.js';
export type { FloatArray } from './kernel/engine.js';
export type { Memory } from './kernel/webassembly.js';
export type { UpdatedItem, UpdateItem, UpdateResult } from './update.js';
