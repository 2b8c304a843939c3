// Timing that holds on a noisy machine: a variant against a reference, sample by sample in turn, by
// CPU time, and the median of the ratios of neighbours. What slows the machine for longer than a
// pair slows both alike.
import { quantile } from './quantile.js';
import { isTooNoisy } from './spread.js';

/**
 * What is timed, once each call: a function, whose promise is awaited within the sample, or work in
 * another process, which measures itself.
 */
export type Operation = (() => unknown) | Elsewhere;

/** Work in another process. */
interface Elsewhere {
  /** The CPU time of so many calls, on all threads, in nanoseconds. */
  readonly nanoseconds: (repeats: number) => Promise<number>;
}

/** The result of {@link measurePaired}. */
export interface PairedTiming {
  /** Median over the pairs of the variant's CPU time by the reference's. */
  readonly ratio: number;
  /** The first and third quartiles of the same. */
  readonly quartiles: readonly [number, number];
  readonly pairs: number;
  /** Median CPU time of one call of the variant, in nanoseconds. */
  readonly nanoseconds: number;
}

const WARM_UP_MILLISECONDS = 30;
const SAMPLE_MILLISECONDS = 2;
/** Ratios of 31 pairs repeat within 5 % on a quiet machine. */
const PAIRS = 31;
/** A row that is too noisy is measured on, up to so many times as many pairs. */
const MOST_ROUNDS = 3;

/**
 * Times `variant` against `reference`. Give each variant a function of its own: what two share, the
 * compiler specialises for both.
 *
 * @param reference - the yardstick
 * @param variant - what is measured
 * @param pairs - at least; where the ratios spread widely, up to three times as many
 * @returns medians over the pairs
 */
export async function measurePaired(
  reference: Operation,
  variant: Operation,
  pairs: number = PAIRS,
): Promise<PairedTiming> {
  const referenceRepeats = await calibrate(reference);
  const variantRepeats = await calibrate(variant);
  const ratios: number[] = [];
  const times: number[] = [];
  const timing = (): PairedTiming => ({
    ratio: quantile(ratios, 0.5),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    pairs: ratios.length,
    nanoseconds: quantile(times, 0.5),
  });
  for (let round = 0; round < MOST_ROUNDS && (round === 0 || isTooNoisy(timing())); round += 1) {
    for (let pair = 0; pair < pairs; pair += 1) {
      // Whoever comes second finds the caches as the first left them: each comes second as often.
      let referenceTime = pair % 2 === 0 ? await timePerCall(reference, referenceRepeats) : 0;
      const variantTime = await timePerCall(variant, variantRepeats);
      if (pair % 2 === 1) referenceTime = await timePerCall(reference, referenceRepeats);
      ratios.push(variantTime / referenceTime);
      times.push(variantTime);
    }
  }
  return timing();
}

// Warm first, since the first calls run in the interpreter; then as often as fills a sample, by the
// fastest of three. A call that takes longer than the warm-up is a sample by itself.
async function calibrate(operation: Operation): Promise<number> {
  let spent = 0;
  let repeats = 1;
  while (spent < WARM_UP_MILLISECONDS * 1e6) {
    spent += (await timePerCall(operation, repeats)) * repeats;
    repeats *= 2;
  }
  if (repeats === 2) return 1;
  const trials = [];
  for (let trial = 0; trial < 3; trial += 1) {
    trials.push(await timePerCall(operation, Math.max(1, repeats >> 3)));
  }
  return Math.max(1, Math.ceil((SAMPLE_MILLISECONDS * 1e6) / Math.min(...trials)));
}

async function timePerCall(operation: Operation, repeats: number): Promise<number> {
  if (typeof operation !== 'function') return (await operation.nanoseconds(repeats)) / repeats;
  const before = process.cpuUsage();
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const result = operation();
    if (result instanceof Promise) await result;
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / repeats;
}
