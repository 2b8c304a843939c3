// Reports the weights that cannot be exchanged, so that no average leaves them out in silence.
import { PolyakError } from '@polyak/core';
import { isFloating } from '@polyak/core/interfaces';
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from '../proto/onnx_pb.js';
import { labelOf, subgraphsOf } from '../batch-norm/graph-walk.js';
import { elementTypeOf, typeName } from '../file/element-type.js';
import { readTensor } from '../file/tensor-data.js';
import { averagedNames, holdsInfinity } from './averaged-names.js';
import type { FedGraph } from './fed-graph.js';
import { isNarrow, quantizationOf } from './quantization.js';

/** Why a weight is left out, and what to do about it. */
const REASONS = {
  type:
    'of a type that cannot be averaged. Average the model in float32 or float16, then convert or ' +
    'quantize the result',
  constant:
    'in Constant nodes. To turn these into initializers, create one session with the options ' +
    "{ graphOptimizationLevel: 'disabled', optimizedModelFilePath: 'new.onnx' } and load new.onnx",
  attribute:
    'in attributes of ai.onnx.ml nodes. Export the model with MatMul or Gemm and initializers',
  inner:
    'inside If, Loop, Scan or a function. Export the model without these, or with the weights as ' +
    'initializers of the main graph',
  sparse: 'sparse. Export them as dense initializers',
} as const;

type Reason = keyof typeof REASONS;

interface LeftOut {
  readonly reason: Reason;
  /** Name, dtype and shape. */
  readonly text: string;
}

// More names in one message would be hard to read.
const MOST_NAMES = 10;

/**
 * Reports the weights that cannot be exchanged: warns, or refuses a model that has no others.
 *
 * @param fed - the graph and its weights
 * @param embed - the names of initializers that the user keeps in the graph; they are not reported
 * @param label - what messages call the model
 * @param warn - called once, if there is anything to report
 * @throws `PolyakError` `ERR_UNSUPPORTED` where the model has weights and none can be averaged
 */
export function reportLeftOut(
  fed: FedGraph,
  embed: ReadonlySet<string>,
  label: string,
  warn: (message: string) => void,
): void {
  const found = leftOutOf(fed, embed);
  if (found.length === 0) return;
  const lines = Object.entries(REASONS).flatMap(([reason, text]) => {
    const names = found.filter((each) => each.reason === reason).map((each) => each.text);
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
    const listed = names.slice(0, MOST_NAMES).join(', ') + more;
    return names.length === 0 ? [] : [`\n- ${listed}: ${text}.`];
  });
  if (averagedNames(fed).size > 0) {
    const weights = found.length === 1 ? '1 weight is' : `${found.length} weights are`;
    const what = `${weights} not among the model's parameters and will not be averaged`;
    warn(`${label}: ${what}:${lines.join('')}`);
    return;
  }
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${label}: none of the model's weights can be averaged:${lines.join('')}\nTo only run the ` +
      'model, use ort.InferenceSession.',
  );
}

function leftOutOf(
  { template, weights }: FedGraph,
  embed: ReadonlySet<string>,
): readonly LeftOut[] {
  const { graph, functions } = template;
  const quantized = quantizationOf(graph).weights;
  const own = graph.initializer.filter(
    (tensor) =>
      !weights.has(tensor.name) &&
      !embed.has(tensor.name) &&
      (isFloat(tensor) || quantized.has(tensor.name)),
  );
  return [
    ...own.map((tensor) => ({ reason: 'type' as const, text: describe(tensor) })),
    ...sparseIn(graph),
    ...constantsIn(graph.node, 'constant'),
    ...graph.node.flatMap(subgraphsOf).flatMap(inside),
    ...functions.flatMap(({ node }) => insideNodes(node)),
  ];
}

function inside(graph: GraphProto): readonly LeftOut[] {
  return [
    ...graph.initializer
      .filter(mayBeWeight)
      .map((tensor) => ({ reason: 'inner' as const, text: describe(tensor) })),
    ...sparseIn(graph),
    ...insideNodes(graph.node),
  ];
}

function insideNodes(nodes: readonly NodeProto[]): readonly LeftOut[] {
  return [...constantsIn(nodes, 'inner'), ...nodes.flatMap(subgraphsOf).flatMap(inside)];
}

function sparseIn({ sparseInitializer }: GraphProto): readonly LeftOut[] {
  return sparseInitializer.flatMap(({ values }) =>
    values !== undefined && mayBeWeight(values)
      ? [{ reason: 'sparse' as const, text: describe(values) }]
      : [],
  );
}

function constantsIn(nodes: readonly NodeProto[], reason: Reason): readonly LeftOut[] {
  return nodes.flatMap((node) => {
    if (node.domain === 'ai.onnx.ml') {
      return node.attribute
        .filter(({ floats }) => floats.length > 1)
        .map(({ name }) => ({ reason: 'attribute' as const, text: `${labelOf(node)}.${name}` }));
    }
    const text = `"${node.output[0] ?? ''}"`;
    if (node.opType !== 'Constant' || !node.attribute.some(holdsWeights)) return [];
    return [{ reason, text }];
  });
}

/**
 * Whether an attribute of a Constant node holds weights: different numbers, and no infinity as
 * masks do. Exporters write equal numbers where a layer has no scale or bias.
 */
function holdsWeights({ t, floats, sparseTensor }: AttributeProto): boolean {
  if (t === undefined) return sparseTensor !== undefined || hasDifferent(floats);
  const type = elementTypeOf(t);
  if (!mayBeWeight(t) || type === undefined) return isNarrow(t);
  const tensor = readTensor(t, type, 'a Constant node');
  return hasDifferent(tensor.data as Float32Array) && !holdsInfinity(tensor);
}

function hasDifferent(numbers: readonly number[] | Float32Array): boolean {
  return numbers.some((number) => number !== numbers[0]);
}

function mayBeWeight(tensor: TensorProto): boolean {
  return isFloat(tensor) || isNarrow(tensor);
}

function isFloat(tensor: TensorProto): boolean {
  const type = elementTypeOf(tensor);
  return type === undefined
    ? typeName(tensor.dataType).startsWith('COMPLEX')
    : isFloating(type.dtype);
}

function describe(tensor: TensorProto): string {
  const { name, dataType, dims } = tensor;
  const dtype = elementTypeOf(tensor)?.dtype ?? typeName(dataType).toLowerCase();
  return `"${name}" ${dtype}[${dims.join(',')}]`;
}
