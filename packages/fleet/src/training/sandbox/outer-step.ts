// The outer optimizer of a round: SGD with momentum on the outer gradient.
import type { NamedTensors } from '@polyak/core';
import type { HostTensor, TensorSpec } from '@polyak/core/interfaces';
import type { Store } from '../../store/store.js';
import type { Combine } from '../round-plan.js';
import type { Member, RoundStart } from '../record.js';
import { withTensors } from '../tensor-stream.js';
import type { TensorStream } from '../tensor-stream.js';
import { meanOf } from './mean.js';

type Outer = Extract<Combine, { kind: 'outer' }>;

/** The step of a round from its start, one tensor at a time. */
export async function outerStepOf(
  outer: Outer,
  store: Store,
  members: readonly Member[],
  specs: ReadonlyMap<string, TensorSpec>,
  { weights, momentum }: RoundStart,
): Promise<{ readonly weights: NamedTensors; readonly momentum: NamedTensors }> {
  const references = momentum === undefined ? [weights] : [weights, momentum];
  return await withTensors(store, references, async (streams) => {
    const [start, before] = streams as [TensorStream, TensorStream?];
    const moved: [string, HostTensor][] = [];
    const after = await meanOf(store, members, specs, async (name, mean) => {
      const step = outerStep(outer, await start.read(name), mean, await before?.read(name));
      moved.push([name, step.momentum]);
      return step.weights;
    });
    return { weights: after, momentum: Object.fromEntries(moved) };
  });
}

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
function outerStep(
  { lr, momentum: decay, nesterov }: Outer,
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
