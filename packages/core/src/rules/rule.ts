// Averaging rules as values: how much the next live weights weigh in the running average.

/** What an average is made of: a weight for each new value, or the last values alone. */
export type AveragingRule = MovingRule | WindowRule;

/** How a running average moves: `average += weight(nAvg) * (live - average)`. A plain object. */
export interface MovingRule {
  /** Tells the kinds apart. */
  readonly kind: 'moving';
  /** Names the rule in messages and states; a state is only loaded under the rule that made it. */
  readonly name: string;
  /**
   * The weight of the live value, in [0, 1]: the same for the same `nAvg`.
   *
   * @param nAvg - the updates so far, from 1 on: the first update copies the live weights, whatever
   *   the rule
   */
  weight(nAvg: number): number;
  /** Whether the rule needs a compensated accumulator to be accurate in float32. Default false. */
  readonly compensated?: boolean;
}

/** The mean of the last values, all alike. */
export interface WindowRule {
  /** Tells the kinds apart. */
  readonly kind: 'window';
  /** Names the rule in messages and states. */
  readonly name: string;
  /** How many values the mean is of, once there have been as many; an integer >= 1. */
  readonly window: number;
}

/** An average by its name. */
export interface NamedRule {
  readonly name: string;
  readonly rule: AveragingRule;
  /** Whether it is kept with a compensated accumulator. */
  readonly compensated: boolean;
}

/** The rule of one average, or several averages by name. */
export type RuleOptions =
  | {
      /** How the average moves. Default `equal()`. */
      readonly rule?: AveragingRule;
      /** Not beside `rule`. */
      readonly averages?: never;
    }
  | {
      /**
       * Several averages by name: all are moved at each update, from one pass over the live
       * weights. The first is the one that is shown where none is named.
       */
      readonly averages: Readonly<Record<string, AveragingRule>>;
      /** Not beside `averages`. */
      readonly rule?: never;
    };

/**
 * What `rule` gives the live weights after `nAvg` updates.
 *
 * @throws RangeError where that is not in [0, 1]
 */
export function weightOf(rule: MovingRule, nAvg: number): number {
  const weight = rule.weight(nAvg);
  if (typeof weight === 'number' && weight >= 0 && weight <= 1) return weight;
  throw new RangeError(
    `The rule "${rule.name}" gave the weight ${weight} after ${nAvg} updates, ` +
      'expected a number in [0, 1].',
  );
}
