// The network as people use it: one graph from images to logits that carries its weights.
import { GraphBuilder, type Shape } from './graph-builder.js';
import type { Layer } from './layers/layer.js';

/** Float32 tensors by name. */
export type Weights = ReadonlyMap<string, Float32Array>;

/**
 * A graph from `images` [n, ...] to `logits` [n, classes], with all tensors of the network as
 * initializers.
 *
 * @param imageShape - of one image: [channels, height, width]
 * @returns the bytes of the model
 */
export function inferenceGraph(
  layers: readonly Layer[],
  weights: Weights,
  { imageShape, classes }: { readonly imageShape: readonly number[]; readonly classes: number },
): Uint8Array {
  const graph = new GraphBuilder();
  const images = graph.input('images', ['n', ...imageShape] satisfies Shape);
  for (const { name, shape } of layers.flatMap((layer) => [
    ...layer.parameters,
    ...layer.statistics,
  ])) {
    graph.initializer(name, shape, weights.get(name) ?? fail(name));
  }
  const logits = layers.reduce((x, layer) => layer.infer(graph, x), images);
  graph.output('logits', logits, ['n', classes]);
  return graph.toBytes('digits');
}

function fail(name: string): never {
  throw new Error(`There are no weights for "${name}".`);
}
