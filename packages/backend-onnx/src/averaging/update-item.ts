// Converts the items of an update for the kernels of host memory.
import type { FloatArray, LiveArray, UpdateItem } from '@polyak/backend-cpu/host';
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';

/**
 * The arrays of an item. The kernels widen float16 live weights to float32.
 *
 * @param item - of float32 or float64; `live` may be float16
 */
export function updateItemOf({
  average,
  residual,
  live,
  weight,
}: AverageItem<HostTensor>): UpdateItem<LiveArray> {
  return {
    average: average.data as FloatArray,
    residual: residual?.data as FloatArray | undefined,
    live: liveOf(live),
    weight,
  };
}

function liveOf({ dtype, data }: HostTensor): LiveArray {
  return dtype === 'float16' ? { dtype, bits: data as Uint16Array } : (data as FloatArray);
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
