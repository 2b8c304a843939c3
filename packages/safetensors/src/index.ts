export type { DecodeOptions, SafetensorsFile } from './decode.js';
export { decodeSafetensors } from './decode.js';
export { encodeSafetensors, encodeSafetensorsChunks } from './encode.js';
export type { PolyakErrorCode } from './error.js';
export { PolyakError } from './error.js';
export { METADATA } from './header.js';
export type { DType, HostArray, HostArrayConstructor, HostTensor, TensorSpec } from './tensor.js';
export { arrayOf, canonical, elementCount, flawOf, formatSpec } from './tensor.js';
