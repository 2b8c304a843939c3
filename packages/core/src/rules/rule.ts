// Averaging rules as values: the weight of the next live weights in the running average.
import { described } from '../arguments.js';

/** How an average is computed: with a weight for each new value, or from the last values. */
export type AveragingRule = MovingRule | WindowRule;

/** How a running average moves: `average += weight(nAvg) * (live - average)`. A plain object. */
export interface MovingRule {
  /** Tells the kinds apart. */
  readonly kind: 'moving';
  /** Names the rule in messages and states; a state is only loaded by the rule that made it. */
  readonly name: string;
  /**
   * The weight of the live value, in [0, 1]. It depends on nothing but `nAvg`.
   *
   * @param nAvg - the number of updates so far, at least 1: the first update copies the live
   *   weights for any rule
   */
  weight(nAvg: number): number;
  /** Whether the rule needs a compensated accumulator to be accurate in float32. Default false. */
  readonly compensated?: boolean;
}

/** The mean of the last values, with equal weights. */
export interface WindowRule {
  /** Tells the kinds apart. */
  readonly kind: 'window';
  /** Names the rule in messages and states. */
  readonly name: string;
  /** The largest number of values in the mean; an integer >= 1. */
  readonly window: number;
}

/** A rule with the name of its average. */
export interface NamedRule {
  readonly name: string;
  readonly rule: AveragingRule;
  /** Whether the average has a compensated accumulator. */
  readonly compensated: boolean;
}

/** The rule of one average, or several averages by name. */
export type RuleOptions =
  | {
      /** How the average moves. Default `equal()`. */
      readonly rule?: AveragingRule;
      /** Cannot be combined with `rule`. */
      readonly averages?: never;
    }
  | {
      /**
       * The rules of several averages by name. Each update moves all of them, in one pass over the
       * live weights. The first is the default of `average` in a swap.
       */
      readonly averages: Readonly<Record<string, AveragingRule>>;
      /** Cannot be combined with `averages`. */
      readonly rule?: never;
    };

/**
 * The name of a rule and its numbers.
 *
 * @throws TypeError if one is not a number, which could not even be compared
 */
export function nameOf(call: string, ...numbers: readonly number[]): string {
  for (const value of numbers) {
    if (typeof value !== 'number')
      throw new TypeError(`${call}: an argument is a ${typeof value}, expected a number.`);
  }
  return `${call}(${numbers.join(', ')})`;
}

/**
 * The weight that `rule` gives to the live weights after `nAvg` updates.
 *
 * @throws RangeError if it is not in [0, 1]
 */
export function weightOf(rule: MovingRule, nAvg: number): number {
  const weight = rule.weight(nAvg);
  if (typeof weight === 'number' && weight >= 0 && weight <= 1) return weight;
  throw new RangeError(
    `The rule "${rule.name}" gave the weight ${described(weight)} after ${nAvg} updates, ` +
      'expected a number in [0, 1].',
  );
}
