// The quantized weights of a model, which cannot be averaged, and the scales that belong to them.
import type { GraphProto, TensorProto } from 'onnx-buf';
import { TensorProto_DataType } from 'onnx-buf';
import { namesReadBy } from '../batch-norm/graph-walk.js';

/** The inputs of an operator that hold scales and zero points. */
interface Slots {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
}

const LINEAR: Slots = { scales: [1], zeroPoints: [2] };
const Q_LINEAR: Slots = { scales: [1, 4, 6], zeroPoints: [2, 5, 7] };
const INTEGER: Slots = { scales: [], zeroPoints: [2, 3] };
const SLOTS: Readonly<Partial<Record<string, Slots>>> = {
  QuantizeLinear: LINEAR,
  DequantizeLinear: LINEAR,
  QLinearConv: Q_LINEAR,
  QLinearMatMul: Q_LINEAR,
  ConvInteger: INTEGER,
  MatMulInteger: INTEGER,
};

// Tensors of these types are weights as a rule: shapes and indices are wider.
const NARROW = /^U?INT[248]$|^FLOAT[48]E/;
const WIDE = /^U?INT16$|^INT32$/;

/**
 * The name of an element type in the specification.
 *
 * @param dataType - of a tensor; any number
 */
export function typeName(dataType: number): string {
  return TensorProto_DataType[dataType] ?? `type ${dataType}`;
}

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
  const zeroPoints = namesOnlyReadAt(graph, 'zeroPoints');
  const dequantized = new Set(
    graph.node.flatMap(({ opType, input }) => (opType === 'DequantizeLinear' ? [input[0]] : [])),
  );
  const isWeight = (tensor: TensorProto): boolean =>
    (isNarrow(tensor) && !zeroPoints.has(tensor.name)) ||
    (WIDE.test(typeName(tensor.dataType)) && dequantized.has(tensor.name));
  const weights = new Set(graph.initializer.filter(isWeight).map(({ name }) => name));
  return { weights, scales: weights.size > 0 ? namesOnlyReadAt(graph, 'scales') : new Set() };
}

function namesOnlyReadAt(graph: GraphProto, slots: keyof Slots): ReadonlySet<string> {
  const here = new Set<string>();
  const elsewhere = new Set(graph.output.map(({ name }) => name));
  for (const node of graph.node) {
    const places = SLOTS[node.opType]?.[slots] ?? [];
    const names = new Set(places.map((place) => node.input[place] ?? ''));
    for (const name of namesReadBy(node)) (names.has(name) ? here : elsewhere).add(name);
  }
  return new Set([...here].filter((name) => !elsewhere.has(name)));
}
