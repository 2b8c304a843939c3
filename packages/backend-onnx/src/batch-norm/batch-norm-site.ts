// The types that both ways of computing moments share: a batch-norm node, and its replacement.
import type { NodeProto, TensorProto_DataType } from '../proto/onnx_pb.js';
import type { GraphBuilder } from './graph-builder.js';

/** A batch-norm node that will be replaced. */
export interface BatchNormSite {
  readonly node: NodeProto;
  /** The type to compute in: DOUBLE for a model of doubles, otherwise FLOAT. */
  readonly computeType: TensorProto_DataType;
  /** The type of the scale, if the graph declares it. */
  readonly scaleType: TensorProto_DataType | undefined;
}

/** The names of the moments that the replacement of a batch-norm node computes. */
export interface BatchNormMoments {
  /**
   * Vectors of one value for each channel: mean and variance; or a first mean m, the mean of x - m,
   * and the mean of its square. The mean of x - m is a rounding error, which corrects the other
   * two.
   */
  readonly rows: readonly string[];
  /** The shape of the input as samples, channels, positions: three int64. */
  readonly shape: string;
}

/**
 * Reshapes a tensor to samples, channels and positions.
 *
 * @param builder - of the graph
 * @param x - a tensor of rank 2 or more
 */
export function asVolume(builder: GraphBuilder, x: string): string {
  return builder.node('Reshape', [x, builder.integers([0, 0, -1])]);
}

/**
 * A float attribute of a node.
 *
 * @param node - a node
 * @param name - the attribute
 * @param absent - its value where the node does not have it
 */
export function floatOf(node: NodeProto, name: string, absent: number): number {
  return node.attribute.find((attribute) => attribute.name === name)?.f ?? absent;
}
