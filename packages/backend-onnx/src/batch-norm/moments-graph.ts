// Makes the graph that computes the moments of what enters the batch norm of a model.
import { create } from '@bufbuild/protobuf';
import { PolyakError } from '@polyak/core';
import { GraphProtoSchema, ModelProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';
import type { GraphProto, ModelProto, NodeProto } from '../proto/onnx_pb.js';
import type { BatchNormMoments } from './batch-norm-site.js';
import { graphBuilder, outputOf } from './graph-builder.js';
import { ALIAS, opsetOf, pruned, rootsOf } from './graph-walk.js';
import { reduceMeanRewrite } from './reduce-mean-rewrite.js';
import { trainingMode } from './training-mode.js';

/**
 * How ONNX Runtime computes moments:
 *
 * - `reduce-mean`: batch norm is replaced by ReduceMean and arithmetic. Runs on every provider and
 *   opset.
 * - `training-mode`: BatchNormalization with `training_mode=1`, whose extra outputs are the
 *   moments. Runs on `cpu`, from opset 14 on.
 */
export type MomentsReduction = 'reduce-mean' | 'training-mode';

/**
 * How far ONNX Runtime may optimize the graph. In training mode it writes new statistics over the
 * old ones. If an optimizer made constants of those, or shared them between nodes, a batch would
 * read the numbers of another.
 */
export const OPTIMIZATION: Readonly<Record<MomentsReduction, 'all' | 'disabled'>> = {
  'reduce-mean': 'all',
  'training-mode': 'disabled',
};

/**
 * The part of the model that leads to the batch norm in `wanted`. These nodes normalise by the
 * batch's own statistics, all others by their running statistics.
 *
 * @param model - a model of opset 9 or later, its batch norm in inference; it stays as it is, and
 *   shares tensors with the result
 * @param wanted - BatchNormalization nodes of its graph
 * @param reduction - see {@link MomentsReduction}
 * @returns a model with two outputs: the moments of all `wanted`, in their order, as one vector of
 *   rows (see {@link BatchNormMoments.rows}), and the shapes of what entered them, as one int64
 *   vector of `[samples, channels, positions]`
 * @throws PolyakError `ERR_UNSUPPORTED` for training mode before opset 14
 */
export function momentsGraph(
  model: ModelProto,
  wanted: ReadonlySet<NodeProto>,
  reduction: MomentsReduction,
): ModelProto {
  const graph = model.graph ?? create(GraphProtoSchema);
  const opset = opsetOf(model);
  if (reduction === 'training-mode' && opset < 14) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `batchNormModel: training mode needs opset 14 or later, the model uses ${opset}. Use ` +
        'reduction "reduce-mean".',
    );
  }
  const builder = graphBuilder(graph, opset);
  const replace = reduction === 'training-mode' ? trainingMode : reduceMeanRewrite;
  const typeOf = weightTypes(graph);
  const moments = new Map<NodeProto, BatchNormMoments>();
  const nodes = graph.node.flatMap((node) => {
    if (!wanted.has(node)) return [node];
    const isDouble = typeOf(node.input[3]) === TensorProto_DataType.DOUBLE;
    const computeType = isDouble ? TensorProto_DataType.DOUBLE : TensorProto_DataType.FLOAT;
    moments.set(node, replace(builder, { node, computeType, scaleType: typeOf(node.input[1]) }));
    return builder.takeNodes();
  });

  const found = [...wanted].map((node) => moments.get(node) as BatchNormMoments);
  const isDouble = [...wanted].some(
    (node) => typeOf(node.input[3]) === TensorProto_DataType.DOUBLE,
  );
  const result = isDouble ? TensorProto_DataType.DOUBLE : TensorProto_DataType.FLOAT;
  const rows = found
    .flatMap((each) => each.rows)
    .map((row) => builder.node('Cast', [row], { to: { int: result } }));
  const outputs = [
    outputOf(builder.node('Concat', rows, { axis: { int: 0 } }), result),
    outputOf(
      builder.node(
        'Concat',
        found.map(({ shape }) => shape),
        { axis: { int: 0 } },
      ),
      TensorProto_DataType.INT64,
    ),
  ];
  const reduced = pruned(
    create(GraphProtoSchema, {
      name: graph.name,
      node: [...nodes, ...builder.takeNodes()],
      initializer: [...graph.initializer, ...builder.constants],
      sparseInitializer: graph.sparseInitializer,
      input: graph.input,
      valueInfo: graph.valueInfo,
      output: outputs,
    }),
  );
  return create(ModelProtoSchema, {
    irVersion: model.irVersion,
    opsetImport: model.opsetImport,
    functions: model.functions,
    producerName: 'polyak',
    graph: reduced,
  });
}

function weightTypes(graph: GraphProto): (name?: string) => TensorProto_DataType | undefined {
  const types = new Map<string, number>();
  for (const { name, dataType } of graph.initializer) types.set(name, dataType);
  for (const { name, type } of graph.input) {
    if (type?.value.case === 'tensorType') types.set(name, type.value.value.elemType);
  }
  const root = rootsOf(graph, ALIAS);
  return (name = '') => types.get(root(name)) as TensorProto_DataType | undefined;
}
