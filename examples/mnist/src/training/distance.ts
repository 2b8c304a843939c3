// How far apart two sets of weights are.
import type { HostTensor } from '@polyak/core/interfaces';

/** ‖a − b‖₂ / ‖b‖₂ over all tensors together, matched by name. */
export function relativeDistance(
  a: Readonly<Record<string, HostTensor>>,
  b: Readonly<Record<string, HostTensor>>,
): number {
  let difference = 0;
  let norm = 0;
  for (const [name, { data }] of Object.entries(b)) {
    data.forEach((value: number | bigint, index: number) => {
      difference += (Number(a[name]?.data[index]) - Number(value)) ** 2;
      norm += Number(value) ** 2;
    });
  }
  return Math.sqrt(difference / norm);
}
