// Batch norm by the batch's own statistics in terms of ReduceMean and arithmetic, for every
// provider and opset.
import type { BatchNormMoments, BatchNormSite } from './batch-norm-site.js';
import { asVolume, floatOf } from './batch-norm-site.js';
import type { GraphBuilder } from './graph-builder.js';

/**
 * Adds nodes that compute `scale * (x - mean) / sqrt(variance + epsilon) +
 * bias` and the moments of `x`.
 *
 * The variance is the mean of squares about a first mean m. The mean of x - m is not quite zero,
 * because of rounding, and corrects both. The mean of squares is corrected in the same way. So
 * rounding errors stay small for any number of values and any order of summation.
 *
 * @param builder - of the graph
 * @param site - the node to replace
 * @returns the names of the moments; the output keeps its name
 * @see Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 1.7
 */
export function reduceMeanRewrite(
  builder: GraphBuilder,
  { node, computeType, scaleType }: BatchNormSite,
): BatchNormMoments {
  const [x = '', scale = '', bias = ''] = node.input;
  const [y = ''] = node.output;
  const add = (opType: string, ...inputs: string[]): string => builder.node(opType, inputs);
  const cast = (name: string): string => builder.node('Cast', [name], { to: { int: computeType } });
  /** One value for each channel, in a shape that broadcasts over samples and positions. */
  const perChannel = (name: string): string =>
    add('Reshape', cast(name), builder.integers([1, -1, 1]));
  const vector = (name: string): string => add('Reshape', name, builder.integers([-1]));
  const overPositions = (name: string): string => reduceMean(builder, name, 2);
  const overSamples = (name: string): string => reduceMean(builder, name, 0);

  const volume = asVolume(builder, cast(x));
  const center = overSamples(overPositions(volume));
  const deviation = add('Sub', volume, center);
  const rest = overSamples(overPositions(deviation));
  const squares = add('Mul', deviation, deviation);
  const firstSquare = overSamples(overPositions(squares));
  const square = add(
    'Add',
    firstSquare,
    overSamples(overPositions(add('Sub', squares, firstSquare))),
  );

  const variance = add('Sub', square, add('Mul', rest, rest));
  const epsilon = builder.float(floatOf(node, 'epsilon', 1e-5), computeType);
  const factor = add('Div', perChannel(scale), add('Sqrt', add('Add', variance, epsilon)));
  const offset = add('Sub', perChannel(bias), add('Mul', rest, factor));
  const normalized = add('Add', add('Mul', deviation, factor), offset);
  const output = add('Reshape', normalized, add('Shape', x));
  // From opset 15 on the types of input and scale may differ.
  if (builder.opset >= 15) builder.node('CastLike', [output, x], {}, y);
  else builder.node('Cast', [output], { to: { int: scaleType ?? computeType } }, y);

  return { rows: [vector(center), vector(rest), vector(square)], shape: add('Shape', volume) };
}

/** The mean over one axis, kept with extent 1. Since opset 18 the axes are an input. */
function reduceMean(builder: GraphBuilder, x: string, axis: number): string {
  return builder.opset >= 18
    ? builder.node('ReduceMean', [x, builder.integers([axis])])
    : builder.node('ReduceMean', [x], { axes: { ints: [axis] } });
}
