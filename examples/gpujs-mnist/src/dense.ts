// A dense layer, with or without a ReLU behind it, over [samples, inputs].
import { freeArrays, layerParameter, lengthOf, type KernelArray } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

import { batchedKernel } from './batched-kernel.js';
import type { Layer } from './layer.js';
import { type InitialWeights, taken } from './weights.js';

/** The extents of a dense layer. */
export interface DenseShape {
  readonly inputs: number;
  readonly units: number;
  readonly isRelu: boolean;
}

/**
 * y = x · weight + bias, and of that the positive part where `isRelu`.
 *
 * @param name - of the layer; its tensors are `<name>.weight`, [inputs, units], and `<name>.bias`,
 * [units]
 */
export function dense(
  gpu: GPU,
  name: string,
  { inputs, units, isRelu }: DenseShape,
  weights: InitialWeights,
): Layer {
  const initial = taken(weights, `${name}.weight`, inputs * units);
  const weight = layerParameter(`${name}.weight`, [inputs, units], initial);
  const bias = layerParameter(`${name}.bias`, [units], taken(weights, `${name}.bias`, units));
  const constants = { inputs, units };
  const forward = batchedKernel(gpu, name, {
    source: `function (x, weight, bias) {
      let sum = bias[this.thread.x];
      for (let i = 0; i < this.constants.inputs; i++) {
        sum += x[this.thread.y * this.constants.inputs + i] *
          weight[i * this.constants.units + this.thread.x];
      }
      return ${isRelu ? 'Math.max(sum, 0)' : 'sum'};
    }`,
    output: (count) => [units, count],
    constants,
  });
  const masked = batchedKernel(gpu, name, {
    source: `function (y, dy) {
      const at = this.thread.y * this.constants.units + this.thread.x;
      let gradient = 0;
      if (y[at] > 0) { gradient = dy[at]; }
      return gradient;
    }`,
    output: (count) => [units, count],
    constants,
  });
  const weightGradient = batchedKernel(gpu, name, {
    source: `function (x, dy) {
      let sum = 0;
      for (let n = 0; n < this.constants.count; n++) {
        sum += x[n * this.constants.inputs + this.thread.y] *
          dy[n * this.constants.units + this.thread.x];
      }
      return sum;
    }`,
    output: () => [units, inputs],
    constants,
  });
  const biasGradient = batchedKernel(gpu, name, {
    source: `function (dy) {
      let sum = 0;
      for (let n = 0; n < this.constants.count; n++) {
        sum += dy[n * this.constants.units + this.thread.x];
      }
      return sum;
    }`,
    output: () => [units],
    constants,
  });
  const inputGradient = batchedKernel(gpu, name, {
    source: `function (dy, weight) {
      let sum = 0;
      for (let u = 0; u < this.constants.units; u++) {
        sum += dy[this.thread.y * this.constants.units + u] *
          weight[this.thread.x * this.constants.units + u];
      }
      return sum;
    }`,
    output: (count) => [inputs, count],
    constants,
  });

  const infer = async (x: KernelArray): Promise<KernelArray> =>
    forward.run(lengthOf(x) / inputs, x, weight.data(), bias.data());
  return {
    parameters: [weight, bias],
    infer,
    async train(x) {
      const count = lengthOf(x) / inputs;
      const y = await infer(x);
      return {
        y,
        async backward(dy, isFirst) {
          const inner = isRelu ? await masked.run(count, y, dy) : dy;
          const parameters = [
            await weightGradient.run(count, x, inner),
            await biasGradient.run(count, inner),
          ];
          const input = isFirst ? undefined : await inputGradient.run(count, inner, weight.data());
          if (isRelu) freeArrays(inner);
          return { parameters, ...(input && { input }) };
        },
      };
    },
    dispose() {
      freeArrays(weight.data(), bias.data());
      for (const kernel of [forward, masked, weightGradient, biasGradient, inputGradient])
        kernel.dispose();
    },
  };
}
