// Small ONNX models for the tests, written as nodes, initializers, inputs and outputs.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '@polyak/backend-onnx/proto';
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from '@polyak/backend-onnx/proto';

/** Element types by their number in TensorProto.DataType. */
export const ELEMENT = {
  float32: 1,
  int32: 6,
  int64: 7,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const;

/** A dtype that the builder can write. */
export type BuilderDType = keyof typeof ELEMENT;

type Bytes = Uint8Array<ArrayBuffer>;

/** The bytes of a typed array, copied. */
export function bytesOf(data: ArrayBufferView): Bytes {
  return Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

const toTyped: Readonly<Record<BuilderDType, (values: readonly number[]) => ArrayBufferView>> = {
  float32: (values) => Float32Array.from(values),
  float64: (values) => Float64Array.from(values),
  int32: (values) => Int32Array.from(values),
  int64: (values) => BigInt64Array.from(values.map(BigInt)),
  // Bits, not values.
  float16: (values) => Uint16Array.from(values),
  bfloat16: (values) => Uint16Array.from(values),
};

/** A TensorProto with raw data. `float16` and `bfloat16` values are bits. */
export function tensor(
  name: string,
  dims: readonly number[],
  values: Iterable<number>,
  dtype: BuilderDType = 'float32',
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: ELEMENT[dtype],
    rawData: bytesOf(toTyped[dtype]([...values])),
  });
}

/** A graph input or output: a string is a dimension's name. */
export function value(
  name: string,
  dims: readonly (number | string)[],
  dtype: BuilderDType = 'float32',
): ValueInfoProto {
  const dim = dims.map((extent) =>
    typeof extent === 'string'
      ? { value: { case: 'dimParam' as const, value: extent } }
      : { value: { case: 'dimValue' as const, value: BigInt(extent) } },
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: ELEMENT[dtype], shape: { dim } } } },
  });
}

/**
 * What an attribute can be: a float must be given as `{ float }`, as JavaScript has no other
 * numbers.
 */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: TensorProto }
  | { readonly graph: GraphProto };

/** An attribute of a node. */
export function attribute(name: string, of: AttributeValue): AttributeProto {
  const Type = AttributeProto_AttributeType;
  if (typeof of === 'number')
    return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(of) });
  if (typeof of === 'string')
    return create(AttributeProtoSchema, {
      name,
      type: Type.STRING,
      s: new TextEncoder().encode(of),
    });
  if (Array.isArray(of))
    return create(AttributeProtoSchema, {
      name,
      type: Type.INTS,
      ints: of.map((item) => BigInt(item)),
    });
  if ('float' in of) return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: of.float });
  if ('floats' in of)
    return create(AttributeProtoSchema, { name, type: Type.FLOATS, floats: [...of.floats] });
  if ('tensor' in of)
    return create(AttributeProtoSchema, { name, type: Type.TENSOR, t: of.tensor });
  if ('graph' in of) return create(AttributeProtoSchema, { name, type: Type.GRAPH, g: of.graph });
  throw new TypeError(`attribute ${name}: an unknown kind of value`);
}

/** A node; its name is its first output's. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): NodeProto {
  return create(NodeProtoSchema, {
    name: `${opType}_${output[0] ?? ''}`,
    opType,
    input: [...input],
    output: [...output],
    attribute: Object.entries(attributes).map(([name, of]) => attribute(name, of)),
    ...(domain === '' ? {} : { domain }),
  });
}

/** What a graph is made of. */
export interface GraphParts {
  readonly nodes: readonly NodeProto[];
  readonly initializers?: readonly TensorProto[];
  readonly inputs?: readonly ValueInfoProto[];
  readonly outputs: readonly ValueInfoProto[];
  readonly name?: string;
}

/** A graph, for a model or for the branch of a node. */
export function graph({
  nodes,
  initializers = [],
  inputs = [],
  outputs,
  name = 'test',
}: GraphParts): GraphProto {
  return create(GraphProtoSchema, {
    name,
    node: [...nodes],
    initializer: [...initializers],
    input: [...inputs],
    output: [...outputs],
  });
}

/** A model; the opset is 17 and the IR version 8 where none is given. */
export function model(
  parts: GraphParts & { readonly opset?: number; readonly irVersion?: number },
): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: BigInt(parts.irVersion ?? 8),
    producerName: 'polyak-test',
    opsetImport: [{ domain: '', version: BigInt(parts.opset ?? 17) }],
    graph: graph(parts),
  });
}

/** The bytes of a model, as a file would hold them. */
export function modelBytes(of: ModelProto): Bytes {
  return toBinary(ModelProtoSchema, of);
}
