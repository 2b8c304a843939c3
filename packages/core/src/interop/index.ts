export type { ImportedAverage, ImportOptions } from './import-average.js';
export { importAverage } from './import-average.js';
export { fromAveragedModel, fromDiffusers, fromTorchcontrib } from './pytorch.js';
