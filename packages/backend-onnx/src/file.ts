// What model files have in common for readers that need no runtime; runs in browsers too.
export type { ElementType } from './file/element-type.js';
export { elementTypeOf, typeName } from './file/element-type.js';
export type { ExternalPlace } from './file/external-place.js';
export { externalPlaceOf, isInFolder } from './file/external-place.js';
export type { FileKind, FileKindName } from './file/file-kind.js';
export { fileKindOf, HEAD_LENGTH } from './file/file-kind.js';
export { textOf } from './file/model-error.js';
