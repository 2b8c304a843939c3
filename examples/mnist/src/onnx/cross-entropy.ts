// The loss: mean softmax cross-entropy.
import type { GraphBuilder, Value } from './graph-builder.js';

/**
 * The mean of -log softmax(logits)[label], in nats, and its gradient with respect to the logits.
 *
 * @param logits - [n, classes]
 * @param labels - int64 of [n]
 */
export function crossEntropy(
  graph: GraphBuilder,
  logits: Value,
  labels: Value,
  classes: number,
): { readonly loss: Value; readonly gradient: Value } {
  const logProbabilities = graph.node('LogSoftmax', [logits], { axis: 1 });
  const target = graph.node('OneHot', [labels, graph.integers(classes), graph.pair(0, 1)]);
  const likelihood = graph.sum(graph.multiply(target, logProbabilities), [1]);
  const error = graph.subtract(graph.node('Exp', [logProbabilities]), target);
  return {
    loss: graph.node('Neg', [graph.mean(likelihood, [0])]),
    gradient: graph.divide(error, graph.count(labels)),
  };
}
