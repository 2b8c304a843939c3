import type * as TensorFlow from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';

import { useFusedKernels } from '../../src/network/fused-kernels.js';
import { createResNet } from '../../src/network/resnet.js';
import { loadNative } from '../native.js';

const tf = await loadNative();

describe.skipIf(tf === undefined)('useFusedKernels', () => {
  it('keeps outputs, gradients and moving statistics up to rounding, and leaks nothing', () => {
    if (tf === undefined) return;
    const images = tf.randomUniform([16, 32, 32, 3], -1, 1, 'float32', 1);
    const run = (isFused: boolean): readonly Float32Array[] => {
      const model = createResNet(tf, { depth: 8, width: 4 }, 1);
      const isUsed = isFused && useFusedKernels(tf, model);
      expect(isUsed).toBe(isFused);
      const before = tf.memory().numTensors;
      const variables = model.trainableWeights.map(
        (weight) => weight.read() as TensorFlow.Variable,
      );
      const { value, grads } = tf.variableGrads(
        () =>
          tf
            .squaredDifference(model.apply(images, { training: true }) as TensorFlow.Tensor, 1)
            .mean(),
        variables,
      );
      const gradients = variables.map(({ name }) => grads[name] ?? value);
      const numbers = [value, ...gradients, ...model.weights.map((weight) => weight.read())].map(
        (tensor) => tensor.dataSync<'float32'>().slice(),
      );
      tf.dispose([value, grads]);
      expect(tf.memory().numTensors).toBe(before);
      model.dispose();
      return numbers;
    };
    const plain = run(false);
    const fused = run(true);
    expect(fused.length).toBe(plain.length);
    plain.forEach((values, index) => {
      const scale = Math.max(...values.map(Math.abs));
      values.forEach((value, i) => {
        expect(Math.abs((fused[index]?.[i] ?? NaN) - value)).toBeLessThan(1e-3 * scale + 1e-7);
      });
    });
  });
});
