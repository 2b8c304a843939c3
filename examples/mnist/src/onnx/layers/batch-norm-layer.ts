// Batch normalization over [n, channels, height, width].
import type { GraphBuilder, Value } from '../graph-builder.js';
import type { Layer, TensorPlan } from './layer.js';

/**
 * As the layers of TensorFlow.js have it, so that the demo trains the same network on every
 * runtime.
 */
const epsilon = 1e-3;
const oldWeight = 0.99;

/**
 * y = weight · (x - mean) / sqrt(variance + epsilon) + bias, a channel at a time: in training with
 * the batch's mean and population variance, which also move the running ones; in inference with the
 * running ones.
 *
 * @param name - of the layer; its tensors are `<name>.weight`, `.bias`, `.running_mean` and
 * `.running_var`, all [channels]
 * @see Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167, section 3
 */
export function batchNorm(name: string, channels: number): Layer {
  const plan = (part: string, fill: number): TensorPlan => ({
    name: `${name}.${part}`,
    shape: [channels],
    initial: { fill },
  });
  const [weight, bias, mean, variance] = [
    plan('weight', 1),
    plan('bias', 0),
    plan('running_mean', 0),
    plan('running_var', 1),
  ];
  return {
    parameters: [weight, bias],
    statistics: [mean, variance],
    infer: (graph, x) =>
      graph.node('BatchNormalization', [x, weight.name, bias.name, mean.name, variance.name], {
        epsilon,
      }),
    train(graph, x) {
      const overBatch = [0, 2, 3];
      const spread = (value: Value): Value =>
        graph.node('Reshape', [value, graph.integers(1, channels, 1, 1)]);

      // Written out, as the way back needs the centered x: with it, ONNX's own training mode is no
      // faster.
      const batchMean = graph.mean(x, overBatch);
      const centered = graph.subtract(x, spread(batchMean));
      const batchVariance = graph.mean(graph.multiply(centered, centered), overBatch);
      const deviation = graph.node('Sqrt', [graph.add(batchVariance, graph.scalar(epsilon))]);
      const gain = graph.divide(weight.name, deviation);
      return {
        y: graph.add(graph.multiply(centered, spread(gain)), spread(bias.name)),
        statistics: {
          [mean.name]: movedTowards(graph, mean.name, batchMean),
          [variance.name]: movedTowards(graph, variance.name, batchVariance),
        },
        backward(dy) {
          const sum = graph.sum(dy, overBatch);
          const product = graph.sum(graph.multiply(dy, centered), overBatch);
          return {
            parameters: { [weight.name]: graph.divide(product, deviation), [bias.name]: sum },
            input() {
              // dx = gain · (dy - mean(dy) - centered · mean(dy · centered) / deviation²)
              const count = graph.divide(graph.count(x), graph.scalar(channels));
              const square = graph.multiply(deviation, deviation);
              const slope = graph.divide(graph.divide(product, count), square);
              const level = graph.divide(sum, count);
              const removed = graph.add(graph.multiply(centered, spread(slope)), spread(level));
              return graph.multiply(graph.subtract(dy, removed), spread(gain));
            },
          };
        },
      };
    },
  };
}

/** 0.99 · running + 0.01 · batch */
function movedTowards(graph: GraphBuilder, running: Value, batch: Value): Value {
  const kept = graph.multiply(running, graph.scalar(oldWeight));
  return graph.add(kept, graph.multiply(batch, graph.scalar(1 - oldWeight)));
}
