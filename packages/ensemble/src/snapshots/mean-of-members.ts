// The mean of members, summed in float64.
import { arrayOf, elementCount, PolyakError } from '@polyak/core';
import type { HostTensor, NamedTensors } from '@polyak/core';
import type { Group } from '@polyak/core/internal';
import { fitting } from '@polyak/core/internal';
import type { Member } from './member.js';

/**
 * The mean of `members`, one at least, each read in its turn: of floating tensors; of others, the
 * newest.
 */
export async function meanOfMembers<T>(
  group: Group<T>,
  members: readonly Member[],
): Promise<NamedTensors> {
  const { parameters, names, floatingCount } = group.list;
  const sums = parameters
    .slice(0, floatingCount)
    .map(({ averageSpec: { shape } }) => new Float64Array(elementCount(shape)));
  let newest: readonly HostTensor[] = [];
  for (const member of members) {
    newest = fitting('mean', group, await member.read());
    for (const [index, sum] of sums.entries()) addTo(sum, newest[index]?.data as Float64Array);
  }
  const means = newest.map((tensor, index): [string, HostTensor] => {
    const [name = '', sum] = [names[index], sums[index]];
    return [name, sum === undefined ? tensor : quotient(name, tensor, sum, members.length)];
  });
  return Object.fromEntries(means);
}

function addTo(sum: Float64Array, values: Float64Array): void {
  for (let index = 0; index < sum.length; index += 1) {
    sum[index] = (sum[index] as number) + (values[index] as number);
  }
}

function quotient(
  name: string,
  { dtype, shape }: HostTensor,
  sum: Float64Array,
  count: number,
): HostTensor {
  const data = new (arrayOf(dtype) as Float64ArrayConstructor)(sum.length);
  for (let index = 0; index < sum.length; index += 1) {
    const mean = (sum[index] as number) / count;
    if (!Number.isFinite(mean)) {
      throw new PolyakError(
        'ERR_NON_FINITE',
        `mean: "${name}" of a member holds NaN or an infinity.`,
      );
    }
    data[index] = mean;
  }
  return { dtype, shape, data };
}
