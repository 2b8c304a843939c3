export type { FitOptions } from './names/differences.js';
export { differences } from './names/differences.js';
export { requireFit } from './names/mismatch.js';
export { renameOf } from './names/rename.js';
export type { RowRange } from './names/rows.js';
export { rescaledWeights, rowRanges } from './names/rows.js';
export type { NamedTensors } from './names/rules.js';
export { applyNames } from './names/rules.js';
