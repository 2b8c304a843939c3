// What a network starts from.
import { elementCount } from '@polyak/core/interfaces';

import { mulberry32 } from '../data/random.js';

/** A tensor of a network. */
interface TensorPlan {
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * What it starts from: one value everywhere, or He's normal distribution for so many inputs of a
   * unit.
   */
  readonly initial: { readonly fill: number } | { readonly heNormalFanIn: number };
}

/** A layer, or a whole network, by the tensors that it owns. */
interface PlannedLayer {
  readonly parameters: readonly TensorPlan[];
  readonly statistics: readonly TensorPlan[];
}

/**
 * The tensors of `layers` before training: the same for the same seed.
 *
 * @param seed - an integer from 0 to 2^32 - 1
 */
export function initialWeights(
  layers: readonly PlannedLayer[],
  seed: number,
): ReadonlyMap<string, Float32Array> {
  // Another sequence than that of the batches, which begin with the seed itself.
  const random = mulberry32(seed ^ 0x5eed);
  const plans = layers.flatMap((layer) => [...layer.parameters, ...layer.statistics]);
  return new Map(plans.map((plan) => [plan.name, initialTensor(plan, random)]));
}

function initialTensor({ shape, initial }: TensorPlan, random: () => number): Float32Array {
  const tensor = new Float32Array(elementCount(shape));
  if ('fill' in initial) return tensor.fill(initial.fill);
  const deviation = Math.sqrt(2 / initial.heNormalFanIn);
  for (let index = 0; index < tensor.length; index += 1)
    tensor[index] = deviation * truncatedNormal(random);
  return tensor;
}

/**
 * A normal deviate within two standard deviations, as TensorFlow.js draws for He's initializer (Box
 * and Muller 1958; others are drawn again).
 *
 * @param random - uniform 32-bit integers
 * @see He et al. 2015, https://arxiv.org/abs/1502.01852, section 2.2
 */
function truncatedNormal(random: () => number): number {
  const uniform = (): number => (random() + 0.5) / 2 ** 32;
  for (;;) {
    const deviate = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    if (Math.abs(deviate) <= 2) return deviate;
  }
}
