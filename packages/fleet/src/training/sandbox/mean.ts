// The mean of contributions.
import type { NamedTensors } from '@polyak/core';
import type { Awaitable, HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { TensorMerge } from '@polyak/core/kit';
import type { Store } from '../../store/store.js';
import type { Member } from '../record.js';
import { withTensors } from '../tensor-stream.js';
import { requireSpecs } from './round-weights.js';

/**
 * The mean of members, read once, one tensor at a time, in the order of the record.
 *
 * @param specs - of the weights of the round
 * @param after - what becomes of each tensor of the mean
 */
export async function meanOf(
  store: Store,
  members: readonly Member[],
  specs: ReadonlyMap<string, TensorSpec>,
  after: (name: string, mean: HostTensor) => Awaitable<HostTensor> = (_name, mean) => mean,
): Promise<NamedTensors> {
  const references = members.map(({ weights }) => weights);
  return await withTensors(store, references, async (streams) => {
    for (const [index, stream] of streams.entries()) {
      requireSpecs(`worker ${(members[index] as Member).worker}`, stream.specs, specs);
    }
    const means: [string, HostTensor][] = [];
    for (const [name, spec] of specs) {
      const merge = new TensorMerge(`the mean of "${name}"`, spec);
      for (const [index, stream] of streams.entries()) {
        merge.add(await stream.read(name), (members[index] as Member).weight);
      }
      means.push([name, await after(name, merge.finish())]);
    }
    return Object.fromEntries(means);
  });
}
