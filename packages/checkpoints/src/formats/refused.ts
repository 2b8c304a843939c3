// Formats that are not read: each is named, with what to do.
import { PolyakError } from '@polyak/core';
import type { FileKind, FileKindName } from '@polyak/backend-onnx/file';

const FROM_SOURCE =
  'Merge the safetensors checkpoints that it was made from, and convert the result.';

const KERAS = (format: string, file: string): string =>
  'Convert it to TensorFlow.js, with the Python package tensorflowjs:\n' +
  `  tensorflowjs_converter --input_format ${format} ${file} FOLDER`;

const PYTORCH = (file: string): string =>
  'Write its state dict as safetensors, in Python:\n' +
  '  import torch; from safetensors.torch import save_file\n' +
  `  state = torch.load(${file}, map_location="cpu", weights_only=True)\n` +
  '  save_file({k: v.clone().contiguous() for k, v in state.items()}, "model.safetensors")\n' +
  'A training checkpoint has its state dict inside, often as state["state_dict"] or ' +
  'state["model"].';

/** What to do with a file of a kind, where {@link FileKind.remedy} does not say. */
const REMEDIES: Readonly<Partial<Record<FileKindName, (file: string) => string>>> = {
  pytorch: PYTORCH,
  pickle: PYTORCH,
  numpy: (file) =>
    'Write it as safetensors, in Python:\n' +
    '  import numpy; from safetensors.numpy import save_file\n' +
    (file.endsWith('.npy"')
      ? `  save_file({"array": numpy.load(${file})}, "model.safetensors")`
      : `  save_file(dict(numpy.load(${file})), "model.safetensors")`),
  msgpack: (file) =>
    'Write it as safetensors, in Python:\n' +
    '  from flax import serialization, traverse_util; from safetensors.flax import save_file\n' +
    `  state = serialization.msgpack_restore(open(${file}, "rb").read())\n` +
    '  save_file(traverse_util.flatten_dict(state, sep="."), "model.safetensors")',
  tensorflow: (file) =>
    'Write it as safetensors, in Python:\n' +
    '  import tensorflow as tf; from safetensors.numpy import save_file\n' +
    `  reader = tf.train.load_checkpoint(${file.replace(/\.index"$/, '"')})\n` +
    '  names = reader.get_variable_to_dtype_map()\n' +
    '  save_file({n: reader.get_tensor(n) for n, t in names.items() if t != tf.string}, ' +
    '"model.safetensors")',
  hdf5: (file) => KERAS('keras', file),
  keras: (file) => KERAS('keras_keras', file),
  gguf: () => FROM_SOURCE,
  tflite: () => FROM_SOURCE,
  zip: () => 'Unpack it first.',
};

/** The formats that are read, for messages. */
export const READ_FORMATS = "safetensors, ONNX or TensorFlow.js's model.json";

/**
 * The error of a file in a format that is not read.
 *
 * @param name - its path or name
 * @param kind - what it is
 * @returns `ERR_CHECKPOINT`
 */
export function refusal(name: string, { kind, text, remedy }: FileKind): PolyakError {
  const quoted = JSON.stringify(name);
  const what = remedy ?? REMEDIES[kind]?.(quoted) ?? 'Convert it to safetensors.';
  return checkpointError(name, `it is ${text}; expected ${READ_FORMATS}. ${what}`);
}

/**
 * The error of a file that cannot be used as a checkpoint.
 *
 * @param name - its path or name
 * @param found - what was found, what was expected, what to do
 * @param cause - the error beneath, where there is one
 * @returns `ERR_CHECKPOINT`
 */
export function checkpointError(name: string, found: string, cause?: unknown): PolyakError {
  return new PolyakError(
    'ERR_CHECKPOINT',
    `${name}: ${found}`,
    cause === undefined ? {} : { cause },
  );
}
