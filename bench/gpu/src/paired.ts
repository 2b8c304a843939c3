// Wall time on a device: a variant against a reference, sample by sample in turn. A sample is a
// batch of calls and then a wait for the device, so that it holds all work that the calls gave it.
// The wait, and what a call costs on the host, are shared by the calls of a batch.
import type { Work } from './runtime.js';

/** How long {@link measurePaired} measures. */
export interface PairedOptions {
  /** The number of pairs. */
  readonly pairs: number;
  /** The least time of a sample, in milliseconds, reached by more calls. */
  readonly sampleMilliseconds: number;
  /** No pair begins after this time, in seconds. */
  readonly seconds: number;
}

/** The result of {@link measurePaired}. Times are of one call, in milliseconds. */
export interface Timing {
  /** Median over the pairs of the variant's time by the reference's. */
  readonly ratio: number;
  /** The first and third quartiles of the same. */
  readonly quartiles: readonly [number, number];
  /** Medians. */
  readonly variant: number;
  readonly reference: number;
  readonly pairs: number;
  /** Calls in a sample of the variant and of the reference. */
  readonly calls: readonly [number, number];
}

const MOST_CALLS = 1024;

/**
 * Times `variant` against `reference`.
 *
 * @param variant - what is measured
 * @param reference - the yardstick
 * @param finish - waits until the device has done its work
 * @param options - how long
 */
export async function measurePaired(
  variant: Work,
  reference: Work,
  finish: () => Promise<void>,
  { pairs, sampleMilliseconds, seconds }: PairedOptions,
): Promise<Timing> {
  const sample = async (work: Work, calls: number): Promise<number> => {
    const start = performance.now();
    for (let call = 0; call < calls; call += 1) await work();
    await finish();
    return (performance.now() - start) / calls;
  };
  const calibrate = async (work: Work): Promise<number> => {
    // The first call compiles shaders.
    await sample(work, 1);
    let calls = 1;
    while (calls < MOST_CALLS && (await sample(work, calls)) * calls < sampleMilliseconds) {
      calls *= 2;
    }
    return calls;
  };
  const calls = [await calibrate(variant), await calibrate(reference)] as const;
  const ends = performance.now() + seconds * 1000;
  const [variants, references]: [number[], number[]] = [[], []];
  while (variants.length < pairs && (variants.length === 0 || performance.now() < ends)) {
    const isFirst = variants.length % 2 === 0;
    if (isFirst) references.push(await sample(reference, calls[1]));
    variants.push(await sample(variant, calls[0]));
    if (!isFirst) references.push(await sample(reference, calls[1]));
  }
  const ratios = variants.map((time, n) => time / (references[n] ?? NaN));
  return {
    ratio: quantile(ratios, 0.5),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    variant: quantile(variants, 0.5),
    reference: quantile(references, 0.5),
    pairs: ratios.length,
    calls,
  };
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(fraction * (sorted.length - 1))] ?? NaN;
}
