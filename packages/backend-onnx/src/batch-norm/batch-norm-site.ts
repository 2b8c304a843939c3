// One batch-norm node and what replaces it, as both ways of reducing its input see them.
import type { NodeProto, TensorProto_DataType } from 'onnx-buf';
import type { GraphBuilder } from './graph-builder.js';

/** One batch-norm node, about to be replaced. */
export interface BatchNormSite {
  readonly node: NodeProto;
  /**
   * The type to compute in: DOUBLE for a model of doubles, otherwise FLOAT, also where the model
   * computes in halves.
   */
  readonly computeType: TensorProto_DataType;
  /** The type of the scale where the graph says it. */
  readonly scaleType: TensorProto_DataType | undefined;
}

/** What replaces a batch-norm node: names of values in the graph. */
export interface BatchNormMoments {
  /**
   * Vectors of one value a channel: mean and variance; or a first mean m, the mean of x - m, and
   * the mean of its square. Rounding leaves the second, which corrects both others: see
   * {@link momentsOf}.
   */
  readonly rows: readonly string[];
  /** The shape of the input as samples, channels, positions: three int64. */
  readonly shape: string;
}

/**
 * The input as samples, channels and positions, whatever its rank.
 *
 * @param builder - what to add to
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
