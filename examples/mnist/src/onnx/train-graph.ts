// One training step as one graph: forward pass, loss, backward pass and the step of SGD.
import { crossEntropy } from './cross-entropy.js';
import { GraphBuilder, type Shape, type Value } from './graph-builder.js';
import type { Layer, TrainedLayer } from './layers/layer.js';

/** What SGD can be told. The learning rate is an input of the graph. */
export interface SgdOptions {
  /** How much of the last step's velocity is kept, from 0 to 1. */
  readonly momentum: number;
  /** The factor of each weight that is added to its gradient; default 0. */
  readonly weightDecay?: number;
}

/** What goes in and comes out beside the weights. */
export interface TrainGraphOptions extends SgdOptions {
  /** Of one image: [channels, height, width]. */
  readonly imageShape: readonly number[];
  readonly classes: number;
}

/**
 * A graph from `images` [n, ...], `labels` [n], `lr` and the network's tensors to `loss` and the
 * new tensors: `w` comes out as `w_new`, its velocity goes in as `w.velocity` and comes out as
 * `w.velocity_new`.
 *
 * velocity_new = momentum · velocity + gradient + weightDecay · w;  w_new = w - lr · velocity_new
 *
 * @returns the bytes of the model
 */
export function trainGraph(layers: readonly Layer[], options: TrainGraphOptions): Uint8Array {
  const graph = new GraphBuilder();
  const lr = graph.input('lr', []);
  const { loss, gradients, statistics } = lossAndGradients(graph, layers, options);
  graph.output('loss', loss, []);
  for (const { name, shape } of layers.flatMap((layer) => layer.statistics)) {
    graph.output(`${name}_new`, taken(statistics, name), shape);
  }
  for (const { name, shape } of layers.flatMap((layer) => layer.parameters)) {
    const velocity = graph.input(`${name}.velocity`, shape);
    const gradient = withDecay(graph, taken(gradients, name), name, options.weightDecay ?? 0);
    const moved = graph.add(graph.multiply(velocity, graph.scalar(options.momentum)), gradient);
    graph.output(`${velocity}_new`, moved, shape);
    graph.output(`${name}_new`, graph.subtract(name, graph.multiply(moved, lr)), shape);
  }
  return graph.toBytes('train');
}

/**
 * The same without the step: each gradient comes out as `w_gradient`.
 *
 * @returns the bytes of the model
 */
export function gradientGraph(
  layers: readonly Layer[],
  options: Omit<TrainGraphOptions, keyof SgdOptions>,
): Uint8Array {
  const graph = new GraphBuilder();
  const { loss, gradients } = lossAndGradients(graph, layers, options);
  graph.output('loss', loss, []);
  for (const { name, shape } of layers.flatMap((layer) => layer.parameters)) {
    graph.output(`${name}_gradient`, taken(gradients, name), shape);
  }
  return graph.toBytes('gradients');
}

interface Differentiated {
  readonly loss: Value;
  readonly gradients: Readonly<Record<string, Value>>;
  readonly statistics: Readonly<Record<string, Value>>;
}

function lossAndGradients(
  graph: GraphBuilder,
  layers: readonly Layer[],
  { imageShape, classes }: Omit<TrainGraphOptions, keyof SgdOptions>,
): Differentiated {
  const images = graph.input('images', ['n', ...imageShape] satisfies Shape);
  const labels = graph.input('labels', ['n'], 'int64');
  for (const { name, shape } of layers.flatMap(({ parameters, statistics }) => [
    ...parameters,
    ...statistics,
  ])) {
    graph.input(name, shape);
  }
  const trained: TrainedLayer[] = [];
  let x = images;
  for (const layer of layers) {
    const made = layer.train(graph, x);
    trained.push(made);
    x = made.y;
  }
  const { loss, gradient } = crossEntropy(graph, x, labels, classes);
  const gradients: Record<string, Value> = {};
  let input = (): Value => gradient;
  for (const layer of trained.toReversed()) {
    const back = layer.backward(input());
    Object.assign(gradients, back.parameters);
    input = () => back.input();
  }
  return {
    loss,
    gradients,
    statistics: Object.assign({}, ...trained.map((layer) => layer.statistics)),
  };
}

function withDecay(
  graph: GraphBuilder,
  gradient: Value,
  weight: Value,
  weightDecay: number,
): Value {
  if (weightDecay === 0) return gradient;
  return graph.add(gradient, graph.multiply(weight, graph.scalar(weightDecay)));
}

function taken(values: Readonly<Record<string, Value>>, name: string): Value {
  const value = values[name];
  if (value === undefined) throw new Error(`No layer gave a value for "${name}".`);
  return value;
}
