// The mean of what a soup holds.
import { PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { arrayOf } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { allFinite } from '@polyak/core/kit';
import { copyOf } from '../copies.js';
import type { SoupContents, TensorSum } from './soup-state.js';

/**
 * The mean of the members by their weights, of which there is one at least.
 *
 * @throws PolyakError `ERR_STATE` where the weights add up to 0, `ERR_NON_FINITE` where a mean
 *   overflows
 */
export function meanOf(call: string, { weights, sums, copies }: SoupContents): NamedTensors {
  const [total, magnitude] = weights.rounded() as unknown as readonly [number, number];
  // Weights such as 0.1, 0.2 and -0.3 are meant to add up to 0.
  if (Math.abs(total) <= 1e-12 * magnitude) {
    throw new PolyakError('ERR_STATE', `${call}: the weights of the members add up to 0.`);
  }
  return Object.fromEntries([
    ...[...sums].map(([name, sum]) => [name, tensorMean(call, name, sum, total)] as const),
    ...[...copies].map(([name, tensor]) => [name, copyOf(tensor)] as const),
  ]);
}

function tensorMean(
  call: string,
  name: string,
  { spec, sum }: TensorSum,
  total: number,
): HostTensor {
  const dtype = spec.dtype === 'float64' ? 'float64' : 'float32';
  const sums = sum.rounded();
  const data = new (arrayOf(dtype) as Float64ArrayConstructor)(sums.length);
  for (let i = 0; i < data.length; i += 1) data[i] = (sums[i] as number) / total;
  if (allFinite(dtype, data)) return { dtype, shape: [...spec.shape], data };
  throw new PolyakError('ERR_NON_FINITE', `${call}: the mean of "${name}" overflows ${dtype}.`);
}
