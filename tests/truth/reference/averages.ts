// What the averages of a group of parameters are after each update, by every rule: in float64, by
// the formulas of the papers.
import { RULES } from './rules.js';
import type { RuleName } from './rules.js';

/** The numbers of each place of the model; the running statistics of its batch norm come last. */
export type Values = readonly (readonly number[])[];

/** A group of parameters, and its averages. */
export interface Group {
  readonly places: readonly number[];
  nAvg: number;
  stepCounter: number;
  /** For each rule, the averages of the places, and the last values. */
  averages: Values[];
  windows: Values[][];
}

/** A group that was never averaged. */
export function groupOf(places: readonly number[]): Group {
  return { places, nAvg: 0, stepCounter: 0, averages: [], windows: [] };
}

/** Updates the averages with the live values. */
export function updateGroup(
  group: Group,
  rules: readonly RuleName[],
  live: Values,
  isInteger: readonly boolean[],
): void {
  for (const [r, name] of rules.entries()) {
    const { weight, window = 1 } = RULES[name];
    const last = [...(group.windows[r] ?? []), live].slice(-window);
    const share = weight(group.nAvg);
    group.averages[r] = live.map((values, n) => {
      // The first update copies, and integers are never averaged.
      if (group.nAvg === 0 || isInteger[group.places[n] ?? 0] === true) return values;
      return values.map((value, i) => {
        if (window > 1) return last.reduce((sum, one) => sum + (one[n]?.[i] ?? 0) / last.length, 0);
        const old = group.averages[r]?.[n]?.[i] ?? 0;
        return old + share * (value - old);
      });
    });
    group.windows[r] = last;
  }
  group.nAvg += 1;
}
