export type { CpuBackend, CpuBackendOptions } from './backend.js';
export { cpuBackend, inPlaceCpuBackend } from './backend.js';
export { parameter } from './parameter.js';
