// The mean of members, summed in float64.
import { PolyakError } from '../error.js';
import type { Group } from '../swa-group.js';
import type { NamedTensors } from '../swa-state.js';
import { arrayOf, elementCount } from '../tensor.js';
import type { HostTensor } from '../tensor.js';
import { fitting } from '../weights.js';
import type { Member } from './member.js';

/** The mean of `members`, one at least, each read in its turn: of floating tensors; of others, the newest. */
export async function meanOfMembers<T>(group: Group<T>, members: readonly Member[]): Promise<NamedTensors> {
  const { parameters, names, floatingCount } = group.list;
  const sums = parameters
    .slice(0, floatingCount)
    .map(({ averageSpec: { shape } }) => new Float64Array(elementCount(shape)));
  let newest: readonly HostTensor[] = [];
  for (const member of members) {
    newest = fitting('mean', group, await member.read());
    for (const [index, sum] of sums.entries()) addTo(sum, newest[index]?.data as Float64Array);
  }
  const means = newest.map((tensor, index) => {
    const sum = sums[index];
    return sum === undefined ? tensor : meanOf(tensor, sum, members.length);
  });
  const bad = names.filter((_, index) => !(sums[index]?.every(Number.isFinite) ?? true));
  if (bad.length === 0) return Object.fromEntries(means.map((mean, index) => [names[index] ?? '', mean]));
  throw new PolyakError('ERR_NON_FINITE', `mean: NaN or an infinity in the weights ${bad.join(', ')}.`);
}

function addTo(sum: Float64Array, values: Float64Array): void {
  for (let index = 0; index < sum.length; index += 1) {
    sum[index] = (sum[index] as number) + (values[index] as number);
  }
}

function meanOf({ dtype, shape }: HostTensor, sum: Float64Array, count: number): HostTensor {
  const data = new (arrayOf(dtype) as Float64ArrayConstructor)(sum.length);
  for (let index = 0; index < sum.length; index += 1) data[index] = (sum[index] as number) / count;
  return { dtype, shape, data };
}
