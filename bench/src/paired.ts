// Timing that holds on a noisy machine: a variant against a reference, sample by sample in turn, in
// one process, by CPU time, and the median of the ratios of neighbours. What slows the machine for
// longer than a pair slows both alike.

/** What is timed; it may return a promise, which is awaited within the sample. */
export type Operation = () => unknown;

/** The result of {@link measurePaired}. */
export interface PairedTiming {
  /** Median over the pairs of the variant's CPU time by the reference's. */
  readonly ratio: number;
  /** The first and third quartiles of the same. */
  readonly quartiles: readonly [number, number];
  /** Median CPU time of one call of the variant, in nanoseconds. */
  readonly nanoseconds: number;
}

/** How long {@link measurePaired} measures. */
export interface PairedOptions {
  /** At least 31 for ratios that repeat within 5 %. */
  readonly pairs?: number;
  /** The least CPU time of one sample, in milliseconds, reached by repetition. */
  readonly sampleMilliseconds?: number;
}

const WARM_UP_MILLISECONDS = 30;

/**
 * Times `variant` against `reference`. Give each variant a function of its own: what two share, the
 * compiler specialises for both.
 *
 * @param reference - the yardstick, on the same arrays
 * @param variant - what is measured
 * @param options - how long
 * @returns medians over the pairs
 */
export async function measurePaired(
  reference: Operation,
  variant: Operation,
  { pairs = 31, sampleMilliseconds = 2 }: PairedOptions = {},
): Promise<PairedTiming> {
  const referenceRepeats = await calibrate(reference, sampleMilliseconds);
  const variantRepeats = await calibrate(variant, sampleMilliseconds);
  const ratios: number[] = [];
  const times: number[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    // Whoever comes second finds the caches as the first left them: each comes second as often.
    let referenceTime = pair % 2 === 0 ? await timePerCall(reference, referenceRepeats) : 0;
    const variantTime = await timePerCall(variant, variantRepeats);
    if (pair % 2 === 1) referenceTime = await timePerCall(reference, referenceRepeats);
    ratios.push(variantTime / referenceTime);
    times.push(variantTime);
  }
  return {
    ratio: quantile(ratios, 0.5),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    nanoseconds: quantile(times, 0.5),
  };
}

// Warm first, since the first calls run in the interpreter; then as often as fills a sample, by the
// fastest of three.
async function calibrate(operation: Operation, sampleMilliseconds: number): Promise<number> {
  let spent = 0;
  let repeats = 1;
  while (spent < WARM_UP_MILLISECONDS * 1e6) {
    spent += (await timePerCall(operation, repeats)) * repeats;
    repeats *= 2;
  }
  const trials = [];
  for (let trial = 0; trial < 3; trial += 1) {
    trials.push(await timePerCall(operation, Math.max(1, repeats >> 3)));
  }
  return Math.max(1, Math.ceil((sampleMilliseconds * 1e6) / Math.min(...trials)));
}

async function timePerCall(operation: Operation, repeats: number): Promise<number> {
  const before = process.cpuUsage();
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const result = operation();
    if (result instanceof Promise) await result;
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / repeats;
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(fraction * (sorted.length - 1))] ?? NaN;
}
