import { describe, expect, it } from 'vitest';

import { mulberry32 } from '../src/data/random.js';
import { gradientGraph } from '../src/onnx/train-graph.js';
import {
  digitsCase,
  feedsOf,
  relativeError,
  runOnce,
  smallCase,
  type Case,
} from './onnx-fixture.js';
import { forward64 } from './onnx-reference.js';
import { slope } from './slope.js';

const small = smallCase(6);
const digits = digitsCase(5);

describe('gradientGraph', () => {
  it.each([
    ['small', small],
    ['digits', digits],
  ])('gives the loss of the %s network', async (_, network) => {
    const { loss } = await run(network);
    const expected = forward64(network.weights, network.images, network.labels).loss;
    expect(relativeError(loss ?? [], [expected])).toBeLessThan(1e-6);
  });

  it.each(parametersOf(small))('gives the gradient of each element of %s', async (name) => {
    const gradients = await run(small);
    const { length } = tensor(small, name);
    const expected = Array.from({ length }, (_, element) => {
      const direction = new Float64Array(length);
      direction[element] = 1;
      return slope(small, name, direction);
    });
    expect(relativeError(gradients[`${name}_gradient`] ?? [], expected)).toBeLessThan(1e-5);
  });

  it.each(parametersOf(digits))(
    'gives the slope in random directions of %s of the demo',
    async (name) => {
      const gradients = await run(digits);
      const gradient = gradients[`${name}_gradient`] ?? new Float32Array();
      const random = mulberry32(7);
      const directions = Array.from({ length: 4 }, () =>
        Float64Array.from(tensor(digits, name), () => random() / 2 ** 31 - 1),
      );
      const expected = directions.map((direction) => slope(digits, name, direction));
      const found = directions.map((direction) =>
        direction.reduce((sum, value, index) => sum + value * (gradient[index] ?? Number.NaN), 0),
      );
      expect(relativeError(found, expected)).toBeLessThan(1e-5);
    },
  );

  it.each(parametersOf(digits))(
    'gives the gradient of single elements of %s of the demo',
    async (name) => {
      const gradients = await run(digits);
      const { length } = tensor(digits, name);
      const random = mulberry32(11);
      const elements = Array.from({ length: Math.min(length, 12) }, () => random() % length);
      const expected = elements.map((element) => {
        const direction = new Float64Array(length);
        direction[element] = 1;
        return slope(digits, name, direction);
      });
      const found = elements.map(
        (element) => gradients[`${name}_gradient`]?.[element] ?? Number.NaN,
      );
      expect(relativeError(found, expected)).toBeLessThan(1e-5);
    },
  );
});

function parametersOf({ layers }: Case): string[] {
  return layers.flatMap(({ parameters }) => parameters.map(({ name }) => name));
}

async function run(network: Case): Promise<Record<string, Float32Array>> {
  return runOnce(gradientGraph(network.layers, network.shapes), feedsOf(network));
}

function tensor({ weights }: Case, name: string): Float64Array {
  return weights.get(name)?.data ?? new Float64Array();
}
