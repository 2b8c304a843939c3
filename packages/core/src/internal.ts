// What our own packages need of core and no user does. The parameter set will replace most of it.
export { check, checkSameBits, hostTensor } from './conformance/check.js';
export { Guard } from './guard.js';
export { halfBits, halfValue } from './half.js';
export { isTensor } from './state-tree.js';
export type { Group } from './swa-group.js';
export { averageAt } from './swa-group.js';
export { isHalf } from './tensor.js';
export {
  captured,
  fitting,
  groupOf,
  held,
  hostCopy,
  readFor,
  runWith,
  weightSpecs,
} from './weights.js';
export { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
export { excerpt } from '@polyak/safetensors/json';
