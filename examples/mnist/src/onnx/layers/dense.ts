// A dense layer over [n, inputs].
import type { Layer } from './layer.js';

/**
 * x · weight + bias
 *
 * @param name - of the layer; its tensors are `<name>.weight`, [inputs, units], and `<name>.bias`,
 * [units]
 */
export function dense(name: string, inputs: number, units: number): Layer {
  const weight = {
    name: `${name}.weight`,
    shape: [inputs, units],
    initial: { heNormalFanIn: inputs },
  };
  const bias = { name: `${name}.bias`, shape: [units], initial: { fill: 0 } };
  return {
    parameters: [weight, bias],
    statistics: [],
    infer: (graph, x) => graph.node('Gemm', [x, weight.name, bias.name]),
    train: (graph, x) => ({
      y: graph.node('Gemm', [x, weight.name, bias.name]),
      statistics: {},
      backward: (dy) => ({
        parameters: {
          [weight.name]: graph.node('Gemm', [x, dy], { transA: 1 }),
          [bias.name]: graph.sum(dy, [0]),
        },
        input: () => graph.node('Gemm', [dy, weight.name], { transB: 1 }),
      }),
    }),
  };
}
