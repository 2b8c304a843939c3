export type { StateChanges } from './adapt-state.js';
export { adaptState } from './adapt-state.js';
export type { ImportedAverage, ImportOptions } from './import-average.js';
export { importAverage } from './import-average.js';
export { fromAveragedModel, fromDiffusers, fromTorchcontrib } from './pytorch.js';
