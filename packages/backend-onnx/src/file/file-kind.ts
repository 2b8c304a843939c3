// Names files that are given as ONNX models and are something else.
import type { PolyakError } from '@polyak/core';
import { bytesOf } from './bytes.js';
import { modelError } from './model-error.js';

/** A kind of file, by its first bytes as Latin-1 characters. */
interface Kind {
  readonly isThis: (head: string) => boolean;
  /** What it is, and what to do. */
  readonly text: string;
}

const begins =
  (start: string, at = 0) =>
  (head: string): boolean =>
    head.startsWith(start, at);

const EXPORT = 'Export the model as .onnx.';

const KINDS: readonly Kind[] = [
  {
    isThis: begins('version https://git-lfs'),
    text: 'a Git LFS pointer. Fetch the file that it stands for with "git lfs pull".',
  },
  {
    isThis: (head) => /^\s*<(!doctype|html)/i.test(head),
    text: 'an HTML page. Download the file itself, not the page that shows it.',
  },
  {
    isThis: begins('ORTM', 4),
    text: "a model in ONNX Runtime's own format (.ort). Pass the .onnx file that it was made from.",
  },
  {
    isThis: begins('PK\x03\x04'),
    text: `a zip archive, as .pt, .npz and .keras files are. ${EXPORT}`,
  },
  // The length of the header in eight bytes, the header as JSON.
  {
    isThis: begins('\0\0\0{"', 5),
    text: `a safetensors file, which has weights and no graph. ${EXPORT}`,
  },
  { isThis: begins('\x80'), text: `a Python pickle, as older .pt files are. ${EXPORT}` },
  { isThis: begins('\x89HDF\r\n'), text: `an HDF5 file, as .h5 files are. ${EXPORT}` },
  { isThis: begins('TFL3', 4), text: `a TensorFlow Lite model. ${EXPORT}` },
  { isThis: begins('GGUF'), text: `a GGUF file. ${EXPORT}` },
  { isThis: begins('\x1f\x8b'), text: 'a gzip archive. Unpack it first.' },
  { isThis: (head) => /^\s*[{[]\s*["{[]/.test(head), text: `JSON. ${EXPORT}` },
];

/** How many bytes {@link notOnnx} looks at. */
export const HEAD_LENGTH = 64;

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
  const start = Buffer.from(bytesOf(head.subarray(0, HEAD_LENGTH))).toString('latin1');
  const kind = KINDS.find(({ isThis }) => isThis(start))?.text;
  return modelError(
    label,
    kind === undefined ? found : `expected an ONNX model, found ${kind}`,
    cause,
  );
}
