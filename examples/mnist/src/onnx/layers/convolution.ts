// A convolution without padding or bias, over [n, channels, height, width].
import type { Layer } from './layer.js';

/**
 * Cross-correlation with square kernels, as ONNX's Conv.
 *
 * @param name - of the layer; its kernels are `<name>.weight`, [filters, channels, size, size]
 */
export function convolution(name: string, channels: number, filters: number, size: number): Layer {
  const weight = {
    name: `${name}.weight`,
    shape: [filters, channels, size, size],
    initial: { heNormalFanIn: channels * size * size },
  };
  return {
    parameters: [weight],
    statistics: [],
    infer: (graph, x) => graph.node('Conv', [x, weight.name]),
    train: (graph, x) => ({
      y: graph.node('Conv', [x, weight.name]),
      statistics: {},
      backward(dy) {
        // dW[f, c] = sum over images of x[n, c] * dy[n, f]: a convolution where images play the
        // part of channels.
        const swapped = { perm: [1, 0, 2, 3] };
        const byChannel = graph.node('Transpose', [x], swapped);
        const byFilter = graph.node('Transpose', [dy], swapped);
        const gradient = graph.node('Conv', [byChannel, byFilter]);
        return {
          parameters: { [weight.name]: graph.node('Transpose', [gradient], swapped) },
          input: () => graph.node('ConvTranspose', [dy, weight.name]),
        };
      },
    }),
  };
}
