// Names kinds of files by their first bytes: those that are given as models and are something else.
import type { PolyakError } from '@polyak/core';
import { modelError } from './model-error.js';

/** A kind of file. */
export interface FileKind {
  /** Which. */
  readonly kind: FileKindName;
  /** What it is, for messages: `a GGUF file`. */
  readonly text: string;
  /** What to do, where that does not depend on what was expected. */
  readonly remedy?: string;
}

/** The kinds that {@link fileKindOf} tells apart. */
export type FileKindName =
  | 'lfs'
  | 'html'
  | 'ort'
  | 'pytorch'
  | 'numpy'
  | 'keras'
  | 'zip'
  | 'safetensors'
  | 'pickle'
  | 'hdf5'
  | 'tflite'
  | 'tensorflow'
  | 'msgpack'
  | 'gguf'
  | 'gzip'
  | 'json';

/** A kind of file, by its first bytes as Latin-1 characters. */
interface Signature extends FileKind {
  readonly isThis: (head: string) => boolean;
}

const begins =
  (start: string, at = 0) =>
  (head: string): boolean =>
    head.startsWith(start, at);

const matches =
  (pattern: RegExp) =>
  (head: string): boolean =>
    pattern.test(head);

/** A zip archive, by the name of its first file, which stands at byte 30. */
const zipped =
  (pattern: RegExp) =>
  (head: string): boolean =>
    head.startsWith(ZIP) && pattern.test(head.slice(30));

const ZIP = 'PK\x03\x04';

const SIGNATURES: readonly Signature[] = [
  {
    kind: 'lfs',
    isThis: begins('version https://git-lfs'),
    text: 'a Git LFS pointer',
    remedy: 'Fetch the file that it stands for with "git lfs pull".',
  },
  {
    kind: 'html',
    isThis: matches(/^\s*<(!doctype|html)/i),
    text: 'an HTML page',
    remedy: 'Download the file itself, not the page that shows it.',
  },
  {
    kind: 'ort',
    isThis: begins('ORTM', 4),
    text: "a model in ONNX Runtime's own format (.ort)",
    remedy: 'Pass the .onnx file that it was made from.',
  },
  {
    kind: 'pytorch',
    isThis: zipped(/^[^/]+\/(data\.pkl|\.format_version)/),
    text: 'a PyTorch checkpoint (a zip archive)',
  },
  { kind: 'numpy', isThis: zipped(/\.npy/), text: 'a NumPy archive (.npz)' },
  { kind: 'numpy', isThis: begins('\x93NUMPY'), text: 'a NumPy array (.npy)' },
  {
    kind: 'keras',
    isThis: zipped(/^(metadata\.json|config\.json|model\.weights\.h5)/),
    text: 'a Keras model (.keras)',
  },
  { kind: 'zip', isThis: begins(ZIP), text: 'a zip archive' },
  // The length of the header in eight bytes, the header as JSON.
  {
    kind: 'safetensors',
    isThis: begins('\0\0\0{"', 5),
    text: 'a safetensors file, which has weights and no graph',
  },
  { kind: 'pickle', isThis: begins('\x80'), text: 'a Python pickle, as older .pt files are' },
  { kind: 'hdf5', isThis: begins('\x89HDF\r\n'), text: 'an HDF5 file, as .h5 files are' },
  { kind: 'tflite', isThis: begins('TFL3', 4), text: 'a TensorFlow Lite model' },
  // An empty key, and the header of the bundle as its value.
  {
    kind: 'tensorflow',
    isThis: (head) => head.startsWith('\0\0') && head[3] === '\x08' && head[5] === '\x1a',
    text: 'the index of a TensorFlow checkpoint',
  },
  // A map whose first key is a string.
  {
    kind: 'msgpack',
    isThis: matches(/^(?:[\x81-\x8f]|\xde..)[\xa1-\xbf\xd9]/s),
    text: 'MessagePack, as Flax writes it',
  },
  { kind: 'gguf', isThis: begins('GGUF'), text: 'a GGUF file' },
  {
    kind: 'gzip',
    isThis: begins('\x1f\x8b'),
    text: 'a gzip archive',
    remedy: 'Unpack it first.',
  },
  { kind: 'json', isThis: matches(/^(\xef\xbb\xbf)?\s*[{[]\s*["{[]/), text: 'JSON' },
];

/** How many bytes {@link fileKindOf} looks at. */
export const HEAD_LENGTH = 256;

/**
 * The kind of a file.
 *
 * @param head - the file, or its first {@link HEAD_LENGTH} bytes
 * @returns undefined for other kinds, ONNX among them: its files have no mark
 */
export function fileKindOf(head: Uint8Array): FileKind | undefined {
  const start = String.fromCharCode(...head.subarray(0, HEAD_LENGTH));
  return SIGNATURES.find(({ isThis }) => isThis(start));
}

/**
 * The error of a file that cannot be read as a model. It names the file's kind where that is a
 * common one.
 *
 * @param label - what messages call the model
 * @param head - the file, or its first {@link HEAD_LENGTH} bytes
 * @param found - what is wrong with a file of no known kind
 * @param cause - the error beneath
 */
export function notOnnx(
  label: string,
  head: Uint8Array,
  found: string,
  cause: unknown,
): PolyakError {
  const kind = fileKindOf(head);
  const { text = '', remedy = 'Export the model as .onnx.' } = kind ?? {};
  return modelError(
    label,
    kind === undefined ? found : `expected an ONNX model, found ${text}. ${remedy}`,
    cause,
  );
}
