// Converts the items of an update for the kernels of host memory.
import type { FloatArray, UpdateItem } from '@polyak/backend-cpu/host';
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import { halfToFloat32 } from '@polyak/core/kit';

/**
 * The arrays of an item. float16 is widened to float32.
 *
 * @param item - of float32 or float64; `live` may be float16
 */
export function updateItemOf({
  average,
  residual,
  live,
  weight,
}: AverageItem<HostTensor>): UpdateItem {
  return {
    average: floatsOf(average),
    residual: residual === undefined ? undefined : floatsOf(residual),
    live: floatsOf(live),
    weight,
  };
}

function floatsOf({ dtype, data }: HostTensor): FloatArray {
  return dtype === 'float16' ? halfToFloat32(dtype, data as Uint16Array) : (data as FloatArray);
}

/** The average of an item or of a result, and its residual if there is one. */
export function statesOf<State>({
  average,
  residual,
}: {
  readonly average: State;
  readonly residual?: State | undefined;
}): readonly State[] {
  return residual === undefined ? [average] : [average, residual];
}
