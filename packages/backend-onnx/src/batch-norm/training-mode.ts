// Moments from batch norm in training mode: its extra outputs are the batch's own statistics.
import { create } from '@bufbuild/protobuf';
import { NodeProtoSchema } from '../proto/onnx_pb.js';
import type { BatchNormMoments, BatchNormSite } from './batch-norm-site.js';
import { asVolume, floatOf } from './batch-norm-site.js';
import type { GraphBuilder } from './graph-builder.js';
import { attributeOf } from './graph-builder.js';

/**
 * Adds the node in training mode. ONNX's momentum weighs the old statistics. With a momentum of 0
 * the new statistics are the mean and the population variance of the batch alone. The old ones are
 * zeros here, because 0 times NaN is NaN.
 *
 * @param builder - of the graph, opset 14 or later
 * @param site - the node to replace
 * @returns the names of the moments; the output keeps its name
 * @see https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
 */
export function trainingMode(
  builder: GraphBuilder,
  { node, computeType }: BatchNormSite,
): BatchNormMoments {
  const [x = '', scale = '', bias = ''] = node.input;
  const [y = ''] = node.output;
  // ORT writes the new statistics over the old ones, so each node needs its own in every run: see
  // OPTIMIZATION.
  const zeros = (): string =>
    builder.node('ConstantOfShape', [builder.node('Shape', [scale])], {
      value: { scalar: 0, type: computeType },
    });
  const mean = builder.fresh('mean');
  const variance = builder.fresh('variance');
  builder.push(
    create(NodeProtoSchema, {
      name: builder.fresh('BatchNormalization'),
      opType: 'BatchNormalization',
      input: [x, scale, bias, zeros(), zeros()],
      output: [y, mean, variance],
      attribute: [
        attributeOf('epsilon', { float: floatOf(node, 'epsilon', 1e-5) }),
        attributeOf('momentum', { float: 0 }),
        attributeOf('training_mode', { int: 1 }),
      ],
    }),
  );
  return { rows: [mean, variance], shape: builder.node('Shape', [asVolume(builder, x)]) };
}
