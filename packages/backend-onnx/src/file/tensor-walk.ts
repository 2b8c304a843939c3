// Walks over every TensorProto of a model.
import type {
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
} from '../proto/onnx_pb.js';

/**
 * The tensors in initializers, attributes, branches, loops, functions and training graphs.
 *
 * @param model - only read
 * @returns each tensor once
 */
export function* tensorsOf(model: ModelProto): Generator<TensorProto> {
  const { graph, functions, trainingInfo } = model;
  if (graph !== undefined) yield* tensorsOfGraph(graph);
  for (const { node, attributeProto } of functions) {
    yield* tensorsOfNodes(node);
    yield* tensorsOfNodes([{ attribute: attributeProto }]);
  }
  for (const { initialization, algorithm } of trainingInfo) {
    if (initialization !== undefined) yield* tensorsOfGraph(initialization);
    if (algorithm !== undefined) yield* tensorsOfGraph(algorithm);
  }
}

function* tensorsOfGraph(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  yield* tensorsOfSparse(graph.sparseInitializer);
  yield* tensorsOfNodes(graph.node);
}

function* tensorsOfSparse(tensors: readonly SparseTensorProto[]): Generator<TensorProto> {
  for (const { values, indices } of tensors) {
    if (values !== undefined) yield values;
    if (indices !== undefined) yield indices;
  }
}

function* tensorsOfNodes(nodes: readonly Pick<NodeProto, 'attribute'>[]): Generator<TensorProto> {
  for (const { t, tensors, g, graphs, sparseTensor, sparseTensors } of nodes.flatMap(
    (node) => node.attribute,
  )) {
    if (t !== undefined) yield t;
    yield* tensors;
    if (sparseTensor !== undefined) yield* tensorsOfSparse([sparseTensor]);
    yield* tensorsOfSparse(sparseTensors);
    for (const graph of g === undefined ? graphs : [g, ...graphs]) yield* tensorsOfGraph(graph);
  }
}
