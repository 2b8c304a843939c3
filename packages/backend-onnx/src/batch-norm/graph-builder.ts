// Makes nodes and constants to add to a graph, with names that are new to it.
import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../proto/onnx_pb.js';
import type {
  AttributeProto,
  GraphProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from '../proto/onnx_pb.js';
import { subgraphsOf } from './graph-walk.js';

/** A value of an attribute. It tells integers from floats, as numbers in JavaScript do not. */
export type AttributeValue =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly graph: GraphProto }
  | { readonly scalar: number; readonly type: TensorProto_DataType };

/** Collects nodes and constants. The nodes are in the order of computation. */
export interface GraphBuilder {
  /** The version of ONNX's own operators that the graph uses. */
  readonly opset: number;
  /** Removes and returns the nodes that were added since the last call. */
  takeNodes(): NodeProto[];
  /** The constants that were added so far. */
  readonly constants: readonly TensorProto[];
  /** A new name. */
  fresh(hint: string): string;
  /** Adds a node with one output, and returns the name of it: `output`, or a new name. */
  node(opType: string, inputs: readonly string[], attributes?: Attributes, output?: string): string;
  /**
   * A branch of `If`: the nodes that `add` adds, and the one output whose name it returns. They may
   * read what the graph has.
   */
  branch(add: () => string, type: TensorProto_DataType): GraphProto;
  /** Adds a complete node. */
  push(node: NodeProto): void;
  /** The name of an int64 vector. Equal vectors are added once. */
  integers(values: readonly number[]): string;
  /** The name of a scalar of type FLOAT or DOUBLE. */
  float(value: number, type: TensorProto_DataType): string;
}

type Attributes = Readonly<Record<string, AttributeValue>>;

/**
 * Makes a builder of additions to a graph.
 *
 * @param graph - only read
 * @param opset - its version of ONNX's own operators
 */
export function graphBuilder(graph: GraphProto, opset: number): GraphBuilder {
  const prefix = unusedPrefix(graph);
  const constants = new Map<string, TensorProto>();
  let nodes: NodeProto[] = [];
  let counter = 0;

  const fresh = (hint: string): string => `${prefix}${(counter += 1)}_${hint}`;

  /** The name of a constant, made at the first call for it. */
  function constant(
    hint: string,
    key: string,
    tensor: MessageInitShape<typeof TensorProtoSchema>,
  ): string {
    const known = constants.get(key);
    if (known !== undefined) return known.name;
    const name = fresh(hint);
    constants.set(key, create(TensorProtoSchema, { ...tensor, name }));
    return name;
  }

  return {
    opset,
    fresh,
    get constants() {
      return [...constants.values()];
    },
    takeNodes() {
      const taken = nodes;
      nodes = [];
      return taken;
    },
    push: (node) => nodes.push(node),
    branch(add, type) {
      const outside = nodes;
      nodes = [];
      const output = add();
      const node = nodes;
      nodes = outside;
      const name = fresh('branch');
      return create(GraphProtoSchema, { name, node, output: [outputOf(output, type)] });
    },
    node(opType, inputs, attributes = {}, output = '') {
      const name = fresh(opType);
      nodes.push(
        create(NodeProtoSchema, {
          name,
          opType,
          input: [...inputs],
          output: [output || name],
          attribute: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
        }),
      );
      return output || name;
    },
    integers: (values) =>
      constant('integers', values.join(','), {
        dims: [BigInt(values.length)],
        dataType: TensorProto_DataType.INT64,
        int64Data: values.map(BigInt),
      }),
    float: (value, dataType) =>
      constant('float', `${dataType}: ${value}`, floatTensor(value, dataType)),
  };
}

/**
 * Makes an attribute of a node.
 *
 * @param name - its name
 * @param value - its value and type
 */
export function attributeOf(name: string, value: AttributeValue): AttributeProto {
  const Type = AttributeProto_AttributeType;
  if ('int' in value)
    return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value.int) });
  if ('graph' in value)
    return create(AttributeProtoSchema, { name, type: Type.GRAPH, g: value.graph });
  if ('float' in value)
    return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: value.float });
  if ('scalar' in value) {
    const t = { dims: [1n], ...floatTensor(value.scalar, value.type) };
    return create(AttributeProtoSchema, { name, type: Type.TENSOR, t });
  }
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.ints.map(BigInt) });
}

/** An output of a graph. */
export function outputOf(name: string, elemType: TensorProto_DataType): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType } } },
  });
}

function floatTensor(
  value: number,
  dataType: TensorProto_DataType,
): MessageInitShape<typeof TensorProtoSchema> {
  return dataType === TensorProto_DataType.DOUBLE
    ? { dataType, doubleData: [value] }
    : { dataType, floatData: [value] };
}

/** `polyak/` with more slashes until no name in the graph begins with it. */
function unusedPrefix(graph: GraphProto): string {
  let prefix = 'polyak/';
  while (isUsed(graph, prefix)) prefix += '/';
  return prefix;
}

function isUsed(graph: GraphProto, prefix: string): boolean {
  const begins = (name: string): boolean => name.startsWith(prefix);
  return (
    [...graph.input, ...graph.initializer].some(({ name }) => begins(name)) ||
    graph.node.some(
      (node) =>
        begins(node.name) ||
        node.output.some(begins) ||
        subgraphsOf(node).some((subgraph) => isUsed(subgraph, prefix)),
    )
  );
}
