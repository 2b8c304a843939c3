// Decodes and encodes models.
import { clone, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { GraphProto, ModelProto } from '../proto/onnx_pb.js';
import { ModelProtoSchema } from '../proto/onnx_pb.js';
import { notOnnx } from './file-kind.js';
import { modelError, textOf } from './model-error.js';
import type { Bytes } from './bytes.js';
import { bytesOf } from './bytes.js';
import { checkWire } from './wire-check.js';

/** A model with a graph. */
export type ModelWithGraph = ModelProto & { graph: GraphProto };

/**
 * Reads the bytes of an ONNX file. The raw data of tensors are views of `bytes`.
 *
 * @param bytes - the whole file
 * @param label - what messages call the model, such as its path
 * @returns the model, with the fields that this package does not know
 * @throws `PolyakError` `ERR_MODEL` where the bytes are not a ModelProto with an IR version and a
 * graph
 */
export function decodeModel(bytes: Uint8Array, label = 'the model'): ModelWithGraph {
  if (bytes.length === 0)
    throw modelError(label, 'the file is empty. Export the model again, or copy the whole file.');
  try {
    // A Buffer's `slice` is a view where a Uint8Array's is a copy, and its parts are Buffers too.
    const plain = bytesOf(bytes);
    checkWire(ModelProtoSchema, plain);
    const model = fromBinary(ModelProtoSchema, plain);
    if (model.irVersion <= 0n) throw new SyntaxError(`its IR version is ${model.irVersion}`);
    return withGraph(model);
  } catch (cause) {
    const found = `not an ONNX model, or a damaged one (${textOf(cause)})`;
    throw notOnnx(label, bytes, `${found}. Export it again, or copy the whole file.`, cause);
  }
}

/**
 * The bytes of a model, as an ONNX file holds them.
 *
 * @param model - with all its data inside
 * @returns new bytes
 * @throws `PolyakError` `ERR_MODEL` for a model over 2 GB, and for a value out of its range
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
  return withGraph(clone(ModelProtoSchema, model));
}

function withGraph(model: ModelProto): ModelWithGraph {
  const { graph } = model;
  if (graph === undefined) throw new SyntaxError('it has no graph');
  return Object.assign(model, { graph });
}
