export type { ConformanceOutcome, ConformanceTest } from './backend-conformance.js';
export { backendConformance } from './backend-conformance.js';
export type { BackendHarness, ConformanceOptions } from './harness.js';
