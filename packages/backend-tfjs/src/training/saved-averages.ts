// The averages of a swaOptimizer among the weights that tfjs saves with a model. The name of each
// tensor identifies the average and the variable.
import { PolyakError } from '@polyak/core';
import { wait } from '@polyak/core/kit';
import type { Steps } from '@polyak/core/kit';
import { averaged, driveSync, withTensors } from '@polyak/core/machine';
import { tensorsOf as tensorsIn } from '@polyak/core/machine';
import type { RunningAverage, SWAMachine } from '@polyak/core/machine';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { NamedTensor } from './optimizer-weights.js';

/** A rule under the name of its average. */
export type NamedRule = SWAMachine<Tensor>['averages']['terms']['rules'][number];

/** The averages of variables that began to be averaged together. */
export interface SavedGroup {
  /** The names of the variables. */
  readonly names: readonly string[];
  /** One for each rule. */
  readonly running: readonly RunningAverage<Tensor>[];
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
    running.flatMap(({ averages, window }, index) => {
      const place = placeOf(prefix, group, rules[index] as NamedRule);
      const named = (part: string, tensors: readonly (Tensor | undefined)[]): NamedTensor[] =>
        tensors.flatMap((tensor, n) =>
          tensor === undefined ? [] : [{ name: `${place}/${part}/${names[n] ?? n}`, tensor }],
        );
      return [
        ...named(
          'average',
          averages.map(({ average }) => average),
        ),
        ...named(
          'residual',
          averages.map(({ residual }) => residual),
        ),
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
    let names: readonly string[] = [];
    /** The tensors of one part, in the order of the names. */
    function part(start: string): readonly Tensor[] {
      const found = take(start);
      if (names.length === 0) names = [...found.keys()];
      const isWhole = names.length > 0 && found.size === names.length;
      if (isWhole && names.every((name) => found.has(name))) {
        return names.map((name) => found.get(name) as Tensor);
      }
      throw misfit(rules, `it lacks tensors under "${start}"`);
    }
    const running = rules.map((named): RunningAverage<Tensor> => {
      const place = placeOf(prefix, group, named);
      const { rule, compensated } = named;
      const length = rule.kind === 'window' ? Math.min(nAvg, rule.window) : 0;
      const averages = part(`${place}/average/`);
      const residuals = compensated ? part(`${place}/residual/`) : [];
      return {
        nAvg,
        averages: averages.map((average, n) => averaged(average, residuals[n])),
        window: Array.from({ length }, (_, n) => part(`${place}/window_${n}/`)),
      };
    });
    return { names, running, missed };
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
  return groups.flatMap(({ running }) => running.flatMap(tensorsIn));
}

/** The same groups of other tensors, in the order of {@link tensorsOf}. */
export function groupsOf(
  groups: readonly SavedGroup[],
  tensors: readonly Tensor[],
): readonly SavedGroup[] {
  let start = 0;
  function next(old: readonly Tensor[]): Steps<readonly Tensor[]> {
    start += old.length;
    return wait(tensors.slice(start - old.length, start));
  }
  return groups.map((group) => ({
    ...group,
    running: group.running.map((own) => driveSync('load', withTensors(own, next))),
  }));
}

function placeOf(prefix: string, group: number, { name, rule }: NamedRule): string {
  return `${prefix}/${group}/${name}=${rule.name}`;
}

/** A rule in the configuration of a saved model, in which tfjs changes all strings but names. */
export interface SavedRule {
  readonly name: string;
}

/** The averages and their rules, as a saved model names them. */
export function ruleNames(rules: readonly NamedRule[]): readonly SavedRule[] {
  return rules.map(({ name, rule }) => ({ name: `"${name}" by ${rule.name}` }));
}

/**
 * Throws where the rules that a model was saved with are not those of the optimizer.
 *
 * @throws PolyakError `ERR_STATE`
 */
export function requireRules(rules: readonly NamedRule[], saved: readonly SavedRule[]): void {
  const names = listed(saved);
  if (listed(ruleNames(rules)) !== names) throw misfit(rules, `it has ${names}`);
}

function misfit(rules: readonly NamedRule[], difference: string): PolyakError {
  return new PolyakError(
    'ERR_STATE',
    `swaOptimizer: the saved averages do not fit those of the optimizer, ` +
      `${listed(ruleNames(rules))}: ${difference}. Pass registerSwaOptimizer the rule or the ` +
      'averages that the optimizer was saved with.',
  );
}

function listed(rules: readonly SavedRule[]): string {
  const names = rules.map(({ name }) => name);
  names.sort();
  return names.join(', ');
}
