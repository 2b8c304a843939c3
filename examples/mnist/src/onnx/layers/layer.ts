// A layer as graphs are made of it: forwards as in inference, and as in training together with the
// way back.
import type { GraphBuilder, Value } from '../graph-builder.js';

/** A tensor that a layer owns. */
export interface TensorPlan {
  /** Unique within the network: it names the tensor in graphs, states and files. */
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * What it starts from: one value everywhere, or He's normal distribution for so many inputs of a
   * unit.
   */
  readonly initial: { readonly fill: number } | { readonly heNormalFanIn: number };
}

/** A layer of a network, by what it adds to a graph. */
export interface Layer {
  /** What gradients move. */
  readonly parameters: readonly TensorPlan[];
  /** What training carries along without a gradient: running statistics. */
  readonly statistics: readonly TensorPlan[];
  /** The layer's output for `x`, as in inference. */
  infer(graph: GraphBuilder, x: Value): Value;
  /** The layer's output for `x`, as in training, and the way back. */
  train(graph: GraphBuilder, x: Value): TrainedLayer;
}

/** What the training form of a layer added to a graph. */
export interface TrainedLayer {
  readonly y: Value;
  /** The new values of the layer's statistics, by name. */
  readonly statistics: Readonly<Record<string, Value>>;
  /** The gradients that follow from `dy`, the loss's gradient with respect to `y`. */
  backward(dy: Value): LayerGradients;
}

/** The loss's gradients with respect to what a layer's output was made of. */
export interface LayerGradients {
  /** By name of the parameter. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** With respect to the layer's input. A call, since a network's first layer needs none. */
  input(): Value;
}
