// Bytes to ModelProto and back.
import { clone, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { GraphProto, ModelProto } from 'onnx-buf';
import { ModelProtoSchema } from 'onnx-buf';
import { modelError, textOf } from './model-error.js';
import type { Bytes } from './bytes.js';
import { bytesOf } from './bytes.js';
import { checkWire } from './wire-check.js';

/** A model that has its graph. */
export type ModelWithGraph = ModelProto & { graph: GraphProto };

/**
 * Reads the bytes of an ONNX file. The raw data of tensors are views of `bytes`.
 *
 * @param bytes - the whole file
 * @param label - what messages call the model, such as its path
 * @returns the model; fields that this package does not know are kept
 * @throws `PolyakError` `ERR_MODEL` where the bytes are not a ModelProto with an IR version and a
 * graph
 */
export function decodeModel(bytes: Uint8Array, label = 'the model'): ModelWithGraph {
  if (bytes.length === 0)
    throw modelError(label, 'it has no bytes. Export it again, or copy the whole file.');
  let model: ModelProto;
  try {
    // A Buffer's `slice` is a view where a Uint8Array's is a copy, and its parts are Buffers too.
    const plain = bytesOf(bytes);
    checkWire(ModelProtoSchema, plain);
    model = fromBinary(ModelProtoSchema, plain);
  } catch (cause) {
    const found = `not an ONNX file, or a damaged one (${textOf(cause)})`;
    throw modelError(label, `${found}. Export it again, or copy the whole file.`, cause);
  }
  const { irVersion } = model;
  if (irVersion <= 0n) {
    throw modelError(
      label,
      `its IR version is ${irVersion}. Pass the bytes or the path of an .onnx file.`,
    );
  }
  return withGraph(model, label);
}

/**
 * The bytes of a model, as an ONNX file holds them.
 *
 * @param model - with all its data inside
 * @returns new bytes
 * @throws `PolyakError` `ERR_MODEL` where the model cannot be written: over 2 GB, or a value out of
 * its range
 */
export function encodeModel(model: ModelProto): Bytes {
  try {
    return toBinary(ModelProtoSchema, model);
  } catch (cause) {
    throw modelError('the model', `it cannot be written (${textOf(cause)}).`, cause);
  }
}

/**
 * A deep copy, which shares nothing with `model`.
 *
 * @param model - only read
 */
export function copyModel(model: ModelWithGraph): ModelWithGraph {
  return withGraph(clone(ModelProtoSchema, model), 'the model');
}

function withGraph(model: ModelProto, label: string): ModelWithGraph {
  const { graph } = model;
  if (graph === undefined) {
    throw modelError(label, 'it has no graph. Pass the bytes or the path of an .onnx file.');
  }
  return Object.assign(model, { graph });
}
