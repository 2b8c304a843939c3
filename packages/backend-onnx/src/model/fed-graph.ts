// Turns float initializers into graph inputs, so that other weights can be fed to the same session.
// ONNX Runtime silently ignores tensors that are fed for an initializer.
import { create } from '@bufbuild/protobuf';
import type { HostTensor } from '@polyak/core/interfaces';
import { formatSpec } from '@polyak/core/interfaces';
import type { GraphProto, TensorProto, ValueInfoProto } from '../proto/onnx_pb.js';
import { ValueInfoProtoSchema } from '../proto/onnx_pb.js';
import { elementTypeOf } from '../file/element-type.js';
import { modelError } from '../file/model-error.js';
import type { ModelWithGraph } from '../file/proto.js';
import { copyModel } from '../file/proto.js';
import { clearData, readTensor, shapeOf } from '../file/tensor-data.js';

/** A model separated into its graph and its weights. */
export interface FedGraph {
  /** The model as it was read, without the data of the weights: the template of `save`. */
  readonly template: ModelWithGraph;
  /** The model with the weights as graph inputs: the session is made of it. */
  readonly proto: ModelWithGraph;
  /** The weights by name, in the order of the initializers. */
  readonly weights: ReadonlyMap<string, HostTensor>;
}

/**
 * Takes the float32, float64 and float16 initializers of the main graph out of a model. Everything
 * else stays in it: integers, such as shapes and indices; bfloat16, of which onnxruntime-node has
 * no tensors; initializers of branches; constants of nodes.
 *
 * @param model - consumed: the data of its weights are removed
 * @param embed - the names of initializers that stay in the graph
 * @param label - what messages call the model
 * @throws `PolyakError` `ERR_MODEL` where an initializer is malformed
 */
export function feedInitializers(
  model: ModelWithGraph,
  embed: ReadonlySet<string>,
  label: string,
): FedGraph {
  const weights = takeWeights(model.graph, embed, label);
  // Copies: the remaining tensors are views of the bytes of the file, which can then be collected.
  const template = copyModel(model);
  const proto = copyModel(template);
  const { graph } = proto;
  const declared = new Map(graph.input.map((input) => [input.name, input]));
  for (const initializer of graph.initializer.filter(({ name }) => weights.has(name))) {
    const input = declared.get(initializer.name);
    if (input === undefined) graph.input.push(inputFor(initializer));
    else checkDeclaration(input, initializer, weights, label);
  }
  graph.initializer = graph.initializer.filter(({ name }) => !weights.has(name));
  return { template, proto, weights };
}

function takeWeights(
  graph: GraphProto,
  embed: ReadonlySet<string>,
  label: string,
): ReadonlyMap<string, HostTensor> {
  checkEmbed(graph, embed, label);
  const weights = new Map<string, HostTensor>();
  for (const initializer of graph.initializer) {
    const type = elementTypeOf(initializer);
    shapeOf(initializer, label);
    if (type === undefined) continue;
    // Integers are read too, which checks that their data fit their shape.
    const tensor = readTensor(initializer, type, label);
    if (!isFed(tensor) || embed.has(initializer.name)) continue;
    weights.set(initializer.name, tensor);
    clearData(initializer);
  }
  return weights;
}

function isFed({ dtype }: HostTensor): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}

function checkEmbed(graph: GraphProto, embed: ReadonlySet<string>, label: string): void {
  const names = new Set(graph.initializer.map(({ name }) => name));
  for (const name of embed) {
    if (!names.has(name))
      throw new RangeError(
        `${label}: the option embed has "${name}", expected names of initializers of the model.`,
      );
  }
}

function inputFor({ name, dataType, dims }: TensorProto): ValueInfoProto {
  const dim = dims.map((extent) => ({ value: { case: 'dimValue' as const, value: extent } }));
  const value = { elemType: dataType, shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value } } });
}

// Up to IR version 3 every initializer is also declared as an input.
function checkDeclaration(
  { name, type }: ValueInfoProto,
  { dataType, dims }: TensorProto,
  weights: ReadonlyMap<string, HostTensor>,
  label: string,
): void {
  const declared = type?.value.case === 'tensorType' ? type.value.value : undefined;
  const extents = declared?.shape?.dim.map(({ value }) =>
    value.case === 'dimValue' ? value.value : undefined,
  );
  const fits =
    declared?.elemType === dataType &&
    (extents === undefined ||
      (extents.length === dims.length &&
        extents.every((extent, axis) => extent === undefined || extent === dims[axis])));
  if (fits) return;
  const weight = weights.get(name);
  const spec = weight === undefined ? '' : ` (${formatSpec(weight)})`;
  throw modelError(
    label,
    `the input "${name}" has another type or shape than its initializer${spec}. Export the ` +
      'model again.',
  );
}
