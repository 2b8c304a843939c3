export type { PolyakErrorCode } from './error.js';
export { PolyakError } from './error.js';
export { METADATA } from './header.js';
export type { SafetensorsFile } from './safetensors.js';
export { decodeSafetensors, encodeSafetensors } from './safetensors.js';
export type { DType, HostArray, HostArrayConstructor, HostTensor, TensorSpec } from './tensor.js';
export { arrayOf, canonical, elementCount, flawOf, formatSpec } from './tensor.js';
