export type { MergePart, PlacedBytes } from './engine/parts.js';
export { bytesBesideParts, partsOf, reportOfParts, runMergePart } from './engine/parts.js';
export type { PartReport } from './engine/run-state.js';
