// Turns float initializers into graph inputs, which are exchanged by feeding other tensors, without
// a new session. ONNX Runtime silently ignores tensors fed for a name that is still an initializer.
import { create } from '@bufbuild/protobuf';
import type { HostTensor } from '@polyak/core/interfaces';
import { formatSpec } from '@polyak/core/interfaces';
import type { GraphProto, TensorProto, ValueInfoProto } from 'onnx-buf';
import { ValueInfoProtoSchema } from 'onnx-buf';
import { elementTypeOf } from '../file/element-type.js';
import { modelError } from '../file/model-error.js';
import type { ModelWithGraph } from '../file/proto.js';
import { copyModel } from '../file/proto.js';
import { clearData, readTensor, shapeOf } from '../file/tensor-data.js';

/** A model taken apart: what stays the same, and the weights. */
export interface FedGraph {
  /** The model as it was, but without the data of the weights: what `save` starts from. */
  readonly template: ModelWithGraph;
  /** The model whose weights are graph inputs: what the session is made of. */
  readonly proto: ModelWithGraph;
  /** The weights by name, in the order of the initializers. */
  readonly weights: ReadonlyMap<string, HostTensor>;
}

/**
 * Takes the float32, float64 and float16 initializers of the main graph out of a model. All else
 * stays in it: integers (shapes, indices), bfloat16 (which onnxruntime-node has no tensors of),
 * initializers of branches, constants of nodes.
 *
 * @param model - consumed: its weights' data are cleared
 * @param embed - initializers to leave in
 * @param label - what messages call the model
 * @throws `PolyakError` `ERR_MODEL` where an initializer is malformed
 */
export function feedInitializers(
  model: ModelWithGraph,
  embed: ReadonlySet<string>,
  label: string,
): FedGraph {
  const weights = takeWeights(model.graph, embed, label);
  // Copies, so that the bytes of the file, of which the remaining tensors are views, can be
  // collected.
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
    // Integers are read too: their data have to agree with their shape.
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
        `${label}: option embed: "${name}" is not an initializer of the model. Pass a name of one.`,
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
    `the input "${name}" is declared with another type or shape than its initializer${spec}.`,
  );
}
