export type { ConformanceOutcome, ConformanceTest } from './backend-conformance.js';
export { backendConformance } from './backend-conformance.js';
export type { BackendHarness } from './harness.js';
