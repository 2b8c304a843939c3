// Finds the variables of loaded averages. tfjs renames variables when a model is loaded beside
// another one (`kernel` becomes `kernel_1`), and an optimizer does not know its model.
import { PolyakError } from '@polyak/core';
import type { Variable } from '@tensorflow/tfjs-core';
import type { SavedGroup } from './saved-averages.js';

/** A loaded group with its variables, in the order of its averages. */
interface BoundGroup {
  readonly group: SavedGroup;
  readonly variables: readonly Variable[];
}

/** The groups that were found, and the variables that belong to none. */
export interface Bound {
  readonly bound: readonly BoundGroup[];
  readonly rest: readonly Variable[];
}

/**
 * Finds the variables of loaded groups: by their names, by their names without what tfjs adds to
 * repeated names, or by their order.
 *
 * @param call - the method, for the message
 * @param groups - the loaded groups whose variables are not known yet
 * @param variables - those that are trained and not known yet
 * @throws PolyakError `ERR_PARAMETERS` where they cannot be the same
 */
export function boundGroups(
  call: string,
  groups: readonly SavedGroup[],
  variables: readonly Variable[],
): Bound {
  if (groups.length === 0) return { bound: [], rest: variables };
  const found =
    byName(groups, variables, (name) => name) ??
    byName(groups, variables, (name) => name.replace(/_\d+$/, '')) ??
    byPlace(groups, variables);
  if (found !== undefined) return found;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `${call}: the variables are ` +
      `${variables.map(({ name, shape }) => `"${name}" [${shape.join()}]`).join(', ')}, expected ` +
      `those of the loaded averages, ${groups.map(described).join(' and ')}. Train the model ` +
      'that the averages were saved with.',
  );
}

function byName(
  groups: readonly SavedGroup[],
  variables: readonly Variable[],
  key: (name: string) => string,
): Bound | undefined {
  const saved = groups.flatMap(({ names }) => names.map(key));
  const given = new Map(variables.map((variable) => [key(variable.name), variable]));
  const isUnique = new Set(saved).size === saved.length && given.size === variables.length;
  if (!isUnique) return undefined;
  const touched = groups
    .map((group) => ({
      group,
      variables: group.names.flatMap((name) => given.get(key(name)) ?? []),
    }))
    .filter((candidate) => candidate.variables.length > 0);
  if (touched.length === 0 || !touched.every(fits)) return undefined;
  const taken = new Set(touched.flatMap((found) => found.variables));
  return { bound: touched, rest: variables.filter((variable) => !taken.has(variable)) };
}

/** All groups one after the other, or one of them alone. */
function byPlace(groups: readonly SavedGroup[], variables: readonly Variable[]): Bound | undefined {
  let end = 0;
  const all = groups.map((group) => ({
    group,
    variables: variables.slice(end, (end += group.names.length)),
  }));
  if (end === variables.length && all.every(fits)) return { bound: all, rest: [] };
  const one = groups.map((group) => ({ group, variables })).find(fits);
  return one && { bound: [one], rest: [] };
}

function fits({ group, variables }: BoundGroup): boolean {
  const shapes = shapesOf(group);
  return (
    variables.length === shapes.length &&
    variables.every(({ shape }, index) => shape.join() === shapes[index])
  );
}

function described(group: SavedGroup): string {
  const shapes = shapesOf(group);
  return group.names.map((name, index) => `"${name}" [${shapes[index]}]`).join(', ');
}

function shapesOf({ running: [first] }: SavedGroup): readonly string[] {
  return first?.averages.map(({ average }) => average.shape.join()) ?? [];
}
