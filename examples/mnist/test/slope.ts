// The derivative of the loss in float64: what gradients are compared with.
import type { Case } from './onnx-fixture.js';
import { forward64 } from './onnx-reference.js';

/**
 * The derivative of the loss along `direction`, by central differences in float64. The step is
 * short, as a step over a kink of ReLU or pooling would tell nothing of the slope.
 */
export function slope(
  { weights, images, labels }: Case,
  name: string,
  direction: Float64Array,
): number {
  const step = 1e-7 / Math.hypot(...direction);
  const [ahead = 0, behind = 0] = [step, -step].map((size) => {
    const { shape, data } = weights.get(name) ?? { shape: [], data: new Float64Array() };
    const moved = data.map((value, index) => value + size * (direction[index] ?? 0));
    return forward64(new Map([...weights, [name, { shape, data: moved }]]), images, labels).loss;
  });
  return (ahead - behind) / (2 * step);
}
