// Selects the weights of a model that are averaged.
import type { HostTensor } from '@polyak/core/interfaces';
import { batchNormStatistics } from './batch-norm-statistics.js';
import type { FedGraph } from './fed-graph.js';
import { quantizationOf } from './quantization.js';

/**
 * The names of the weights that are averaged: all but the running statistics of batch norm, the
 * scales of quantized weights, and constants that hold an infinity.
 *
 * @param fed - the graph and its weights
 */
export function averagedNames({ template, weights }: FedGraph): ReadonlySet<string> {
  const statistics = batchNormStatistics(template);
  const { scales } = quantizationOf(template.graph);
  const averaged = [...weights].filter(
    ([name, tensor]) => !statistics.has(name) && !scales.has(name) && !holdsInfinity(tensor),
  );
  return new Set(averaged.map(([name]) => name));
}

/**
 * Whether a tensor holds an infinity and no NaN, as masks do. A weight that training has ruined
 * usually holds NaN.
 *
 * @param tensor - of a floating dtype
 */
export function holdsInfinity({ dtype, data }: HostTensor): boolean {
  // `includes` finds NaN too, and is many times as fast as a loop over elements.
  if (dtype === 'float16') {
    const bits = data as Uint16Array;
    return (
      (bits.includes(0x7c00) || bits.includes(0xfc00)) &&
      !bits.some((element) => (element & 0x7fff) > 0x7c00)
    );
  }
  const values = data as Float32Array;
  return (values.includes(Infinity) || values.includes(-Infinity)) && !values.includes(NaN);
}
