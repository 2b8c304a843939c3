// The quantized weights of a model, which cannot be averaged, and the scales that belong to them.
import { isFloating } from '@polyak/core/interfaces';
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js';
import { namesReadBy, subgraphsOf } from '../batch-norm/graph-walk.js';
import { elementTypeOf, typeName } from '../file/element-type.js';

// Operators of ONNX and of ONNX Runtime that read scales, each followed by its zero point.
const QUANTIZED = /^QuantizeLinear$|^DequantizeLinear$|^QLinear|^QGemm$/;
// Operators that read zero points without scales, as third and fourth input.
const INTEGER = /^(Conv|MatMul)Integer$/;

// Tensors of these types are weights as a rule: shapes and indices are wider.
const NARROW = /^U?INT[248]$|^FLOAT[48]E/;
const WIDE = /^U?INT16$|^INT32$/;

/**
 * Whether a tensor is of a type that quantized weights have, and more than a single zero point.
 *
 * @param tensor - only read
 */
export function isNarrow({ dataType, dims }: Pick<TensorProto, 'dataType' | 'dims'>): boolean {
  return NARROW.test(typeName(dataType)) && dims.some((extent) => extent > 1n);
}

/** The quantized weights of a graph. */
export interface Quantization {
  /** Initializers of integers, float8 or float4 that stand for weights. */
  readonly weights: ReadonlySet<string>;
  /** Initializers that are only read as scales, of a graph with such weights. */
  readonly scales: ReadonlySet<string>;
}

/**
 * Finds the quantized weights of a graph.
 *
 * @param graph - the main graph
 */
export function quantizationOf(graph: GraphProto): Quantization {
  const floats = new Set(graph.initializer.filter(isFloat).map(({ name }) => name));
  // What QuantizeLinear quantizes may be a float weight.
  const isScale = ({ opType, input }: NodeProto, slot: number): boolean =>
    QUANTIZED.test(opType) &&
    floats.has(input[slot] ?? '') &&
    !(opType === 'QuantizeLinear' && slot === 0);
  const zeroPoints = namesOnlyReadAs(
    graph,
    (node, slot) => isScale(node, slot - 1) || (INTEGER.test(node.opType) && slot > 1),
  );
  const dequantized = new Set(
    graph.node.flatMap(({ opType, input }) => (opType === 'DequantizeLinear' ? [input[0]] : [])),
  );
  const isWeight = (tensor: TensorProto): boolean =>
    (isNarrow(tensor) && !zeroPoints.has(tensor.name)) ||
    (WIDE.test(typeName(tensor.dataType)) && dequantized.has(tensor.name));
  const weights = new Set(graph.initializer.filter(isWeight).map(({ name }) => name));
  return { weights, scales: weights.size > 0 ? namesOnlyReadAs(graph, isScale) : new Set() };
}

function isFloat(tensor: TensorProto): boolean {
  return isFloating(elementTypeOf(tensor)?.dtype ?? 'bool');
}

/** The names of a graph that are inputs of nodes in these slots, and are read nowhere else. */
function namesOnlyReadAs(
  graph: GraphProto,
  isSlot: (node: NodeProto, slot: number) => boolean,
): ReadonlySet<string> {
  const here = new Set<string>();
  const elsewhere = new Set(graph.output.map(({ name }) => name));
  for (const node of graph.node) {
    node.input.forEach((name, slot) => (isSlot(node, slot) ? here : elsewhere).add(name));
    for (const name of subgraphsOf(node).flatMap(({ node: inner }) => inner.flatMap(namesReadBy)))
      elsewhere.add(name);
  }
  return new Set([...here].filter((name) => !elsewhere.has(name)));
}
