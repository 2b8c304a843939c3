export type { CpuBackend, CpuBackendOptions } from './backend.js';
export { cpuBackend } from './backend.js';
export { parameter } from './parameter.js';
