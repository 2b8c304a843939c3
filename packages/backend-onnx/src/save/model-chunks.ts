// A model as a list of byte chunks. The weights are views, not copies: encoding the model in one
// piece would hold it in memory three times.
import { clearField, create } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { toBinary } from '@bufbuild/protobuf';
import type { ModelProto, TensorProto } from '../proto/onnx_pb.js';
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from '../proto/onnx_pb.js';
import type { Bytes } from '../file/bytes.js';
import type { ModelWithGraph } from '../file/proto.js';

const GRAPH: number = ModelProtoSchema.field.graph.number;
const INITIALIZER: number = GraphProtoSchema.field.initializer.number;
const RAW_DATA: number = TensorProtoSchema.field.rawData.number;

/**
 * The bytes of a model, in pieces. The order of fields differs from what an encoder writes, which
 * protobuf allows.
 *
 * @param template - without the data of its weights
 * @param weights - their data by name; viewed
 * @returns the contents of an ONNX file, in order
 */
export function modelChunks(
  template: ModelWithGraph,
  weights: ReadonlyMap<string, Bytes>,
): readonly Bytes[] {
  const initializers = template.graph.initializer.flatMap((initializer) => {
    const data = weights.get(initializer.name);
    return prefixed(
      INITIALIZER,
      data === undefined ? [encodeTensor(initializer)] : withData(initializer, data),
    );
  });
  return [encodeRest(template), ...prefixed(GRAPH, [encodeGraphRest(template), ...initializers])];
}

/**
 * The length of all chunks together, in bytes.
 *
 * @param chunks - only read
 */
export function lengthOf(chunks: readonly Bytes[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

function withData(initializer: TensorProto, data: Bytes): readonly Bytes[] {
  return [encodeTensor(initializer), ...prefixed(RAW_DATA, [data])];
}

function prefixed(field: number, chunks: readonly Bytes[]): readonly Bytes[] {
  // A model beyond 2 GB is refused before anything is written; until then any length will do.
  const length = Math.min(lengthOf(chunks), 2 ** 32 - 1);
  return [
    new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish(),
    ...chunks,
  ];
}

function encodeTensor(tensor: TensorProto): Bytes {
  return toBinary(TensorProtoSchema, tensor);
}

// Assigning copies the fields that are set, unknown ones included, but not their contents.
function encodeGraphRest({ graph }: ModelWithGraph): Bytes {
  const rest = Object.assign(create(GraphProtoSchema), graph);
  rest.initializer = [];
  return toBinary(GraphProtoSchema, rest);
}

function encodeRest(model: ModelProto): Bytes {
  const rest = Object.assign(create(ModelProtoSchema), model);
  clearField(rest, ModelProtoSchema.field.graph);
  return toBinary(ModelProtoSchema, rest);
}
