// The library's batch norm as a layer of this network.
import { batchNorm, type BatchNorm, type BatchNormOptions } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

import type { Layer } from './layer.js';
import { type InitialWeights, taken } from './weights.js';

/** A layer whose running statistics an update can reach. */
export interface NormalizationLayer extends Layer {
  readonly norm: BatchNorm;
}

/**
 * As the layers of TensorFlow.js have it, so that the demo trains the same network on every
 * runtime.
 */
const asKeras = {
  epsilon: 1e-3,
  momentum: 0.01,
  varianceKind: 'population',
  layout: 'NCHW',
} as const;

/** Batch normalization of [samples, ...shape], channels first. */
export function normalization(
  gpu: GPU,
  options: Pick<BatchNormOptions, 'name' | 'shape'>,
  weights: InitialWeights,
): NormalizationLayer {
  const norm = batchNorm(gpu, { ...asKeras, ...options });
  for (const cell of [...norm.parameters, ...norm.statistics]) {
    cell.replace(taken(weights, cell.name, norm.channels));
  }
  return {
    norm,
    parameters: norm.parameters,
    infer: async (x, pass) => norm.infer(x, pass),
    async train(x) {
      const { y, backward } = await norm.train(x);
      return {
        y,
        async backward(dy) {
          const { input, weight, bias } = await backward(dy);
          return { input, parameters: [weight, bias] };
        },
      };
    },
    dispose: () => norm.dispose(),
  };
}
