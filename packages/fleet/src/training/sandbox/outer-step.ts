// The outer optimizer of a round: SGD with momentum on the outer gradient.
import type { HostTensor } from '@polyak/core/interfaces';
import type { Combine } from '../plan.js';

/**
 * One step, element by element: `g = start - mean`, `m = momentum * m + g`, and
 * `start - lr * (nesterov ? g + momentum * m : m)`, in float64, rounded once to the dtype.
 *
 * @param start - the weights of the round
 * @param mean - of the contributions
 * @param momentum - of the round before; undefined in the first
 * @returns the new weights and momentum
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
 */
export function outerStep(
  { lr, momentum: decay, nesterov }: Extract<Combine, { kind: 'outer' }>,
  start: HostTensor,
  mean: HostTensor,
  momentum: HostTensor | undefined,
): { readonly weights: HostTensor; readonly momentum: HostTensor } {
  const { dtype, shape } = start;
  const Floats = dtype === 'float32' ? Float32Array : Float64Array;
  const [from, to] = [start.data as Float64Array, mean.data as Float64Array];
  const before = momentum?.data as Float64Array | undefined;
  const weights = new Floats(from.length);
  const after = new Floats(from.length);
  for (let i = 0; i < weights.length; i += 1) {
    const gradient = (from[i] as number) - (to[i] as number);
    const moved = decay * (before?.[i] ?? 0) + gradient;
    weights[i] = (from[i] as number) - lr * (nesterov ? gradient + decay * moved : moved);
    after[i] = moved;
  }
  return {
    weights: { dtype, shape, data: weights },
    momentum: { dtype, shape, data: after },
  };
}
