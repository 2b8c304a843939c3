// The averages of a swaOptimizer among the weights that tfjs saves with a model. The name of each
// tensor identifies the average and the variable.
import { PolyakError } from '@polyak/core';
import type { SWAMachine } from '@polyak/core/machine';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { NamedTensor } from './optimizer-weights.js';

/** A rule under the name of its average. */
export type NamedRule = SWAMachine<Tensor>['averages']['terms']['rules'][number];

/** One average of one group of variables. */
interface SavedAverage {
  readonly nAvg: number;
  readonly averages: readonly Tensor[];
  /** The residuals of compensated averages; empty otherwise. */
  readonly residuals: readonly (Tensor | undefined)[];
  /** The last values of a rule with a window, the oldest first. */
  readonly window: readonly (readonly Tensor[])[];
}

/** The averages of variables that began to be averaged together. */
export interface SavedGroup {
  /** The names of the variables. */
  readonly names: readonly string[];
  /** One for each rule. */
  readonly running: readonly SavedAverage[];
  /** Updates that were made while the variables were not known, and did not change. */
  readonly missed: number;
}

/** The tensors of all groups, each with a name of its own. */
export function namedTensors(
  prefix: string,
  groups: readonly SavedGroup[],
  rules: readonly NamedRule[],
): readonly NamedTensor[] {
  return groups.flatMap(({ names, running }, group) =>
    running.flatMap(({ averages, residuals, window }, index) => {
      const place = placeOf(prefix, group, rules[index] as NamedRule);
      const named = (part: string, tensors: readonly (Tensor | undefined)[]): NamedTensor[] =>
        tensors.flatMap((tensor, n) =>
          tensor === undefined ? [] : [{ name: `${place}/${part}/${names[n] ?? n}`, tensor }],
        );
      return [
        ...named('average', averages),
        ...named('residual', residuals),
        ...window.flatMap((values, n) => named(`window_${n}`, values)),
      ];
    }),
  );
}

/**
 * The groups in tensors that {@link namedTensors} named.
 *
 * @param counts - of each group, what {@link countsOf} gives
 * @throws PolyakError `ERR_STATE` where the averages are of other rules, or not complete
 */
export function groupsIn(
  prefix: string,
  tensors: readonly NamedTensor[],
  rules: readonly NamedRule[],
  counts: readonly number[],
): readonly SavedGroup[] {
  const rest = new Map(tensors.map(({ name, tensor }) => [name, tensor]));

  /** The tensors whose names begin with `start`, by what follows. */
  function take(start: string): ReadonlyMap<string, Tensor> {
    const found = [...rest].filter(([name]) => name.startsWith(start));
    for (const [name] of found) rest.delete(name);
    return new Map(found.map(([name, tensor]) => [name.slice(start.length), tensor]));
  }

  const pairs = Array.from({ length: counts.length / 2 }, (_, n) => counts.slice(2 * n, 2 * n + 2));
  const groups = pairs.map(([nAvg = 0, missed = 0], group): SavedGroup => {
    let names: readonly string[] | undefined;
    /** The tensors of one part, in the order of the names. */
    function part(start: string): readonly Tensor[] {
      const found = take(start);
      names ??= [...found.keys()];
      const isWhole = names.length > 0 && found.size === names.length;
      if (isWhole && names.every((name) => found.has(name))) {
        return names.map((name) => found.get(name) as Tensor);
      }
      throw misfit(rules, `it lacks tensors under "${start}"`);
    }
    const running = rules.map((named): SavedAverage => {
      const place = placeOf(prefix, group, named);
      const { rule, compensated } = named;
      const length = rule.kind === 'window' ? Math.min(nAvg, rule.window) : 0;
      return {
        nAvg,
        averages: part(`${place}/average/`),
        residuals: compensated ? part(`${place}/residual/`) : [],
        window: Array.from({ length }, (_, n) => part(`${place}/window_${n}/`)),
      };
    });
    return { names: names ?? [], running, missed };
  });
  const [surplus] = rest.keys();
  if (surplus === undefined) return groups;
  throw misfit(rules, `it has "${surplus}"`);
}

/** The updates of each group, and those it has missed. */
export function countsOf(groups: readonly SavedGroup[]): readonly number[] {
  return groups.flatMap(({ running, missed }) => [running[0]?.nAvg ?? 0, missed]);
}

/** All tensors of the groups. */
export function tensorsOf(groups: readonly SavedGroup[]): readonly Tensor[] {
  return groups.flatMap(({ running }) =>
    running.flatMap(({ averages, residuals, window }) => [
      ...averages,
      ...residuals.filter((residual) => residual !== undefined),
      ...window.flat(),
    ]),
  );
}

/** The same groups of other tensors. */
export function withTensors(
  groups: readonly SavedGroup[],
  tensors: readonly Tensor[],
): readonly SavedGroup[] {
  const next = tensors.values();
  const each = (): Tensor => next.next().value as Tensor;
  return groups.map((group) => ({
    ...group,
    running: group.running.map(({ nAvg, averages, residuals, window }) => ({
      nAvg,
      averages: averages.map(each),
      residuals: residuals.map((residual) => (residual === undefined ? undefined : each())),
      window: window.map((values) => values.map(each)),
    })),
  }));
}

function placeOf(prefix: string, group: number, { name, rule }: NamedRule): string {
  return `${prefix}/${group}/${name}=${rule.name}`;
}

function misfit(rules: readonly NamedRule[], difference: string): PolyakError {
  const found = rules.map(({ name, rule }) => `"${name}" by ${rule.name}`).join(', ');
  return new PolyakError(
    'ERR_STATE',
    `swaOptimizer: the saved averages do not fit those of the optimizer, ${found}: ` +
      `${difference}. Pass registerSwaOptimizer the rule or the averages that the optimizer was ` +
      'saved with.',
  );
}
