// Layers without tensors of their own: ReLU, maximum pooling, flattening.
import type { Value } from '../graph-builder.js';
import type { Layer, LayerGradients } from './layer.js';

/** max(x, 0) */
export function relu(): Layer {
  return untrained({
    infer: (graph, x) => graph.node('Relu', [x]),
    train(graph, x) {
      const y = graph.node('Relu', [x]);
      // The slope as a number, 0 or 1: a product takes ONNX Runtime less time than Where.
      const slope = graph.toFloat(graph.node('Greater', [y, graph.scalar(0)]));
      return back(y, (dy) => graph.multiply(dy, slope));
    },
  });
}

/**
 * The greatest of each square of `size` × `size`, squares side by side; rows and columns that fill
 * none are left out.
 */
export function maxPool(size: number): Layer {
  const window = { kernel_shape: [size, size], strides: [size, size] };
  return untrained({
    infer: (graph, x) => graph.node('MaxPool', [x], window),
    train(graph, x) {
      const [y, indices] = graph.nodeWithTwo('MaxPool', [x], window);
      // The shape is said, since rows and columns left out cannot be known from y.
      return back(y, (dy) =>
        graph.node('MaxUnpool', [dy, indices, graph.node('Shape', [x])], window),
      );
    },
  });
}

/** From [n, ...] to [n, size]. */
export function flatten(): Layer {
  return untrained({
    infer: (graph, x) => graph.node('Flatten', [x]),
    train: (graph, x) =>
      back(graph.node('Flatten', [x]), (dy) =>
        graph.node('Reshape', [dy, graph.node('Shape', [x])]),
      ),
  });
}

function untrained(layer: Pick<Layer, 'infer' | 'train'>): Layer {
  return { parameters: [], statistics: [], ...layer };
}

function back(y: Value, input: (dy: Value) => Value): ReturnType<Layer['train']> {
  return {
    y,
    statistics: {},
    backward: (dy): LayerGradients => ({ parameters: {}, input: () => input(dy) }),
  };
}
