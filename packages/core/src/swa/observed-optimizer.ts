// An optimizer that only observes, for training loops that make the step themselves.
import { requireArray } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import { PolyakError } from '../error.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import { written } from '../state/differences.js';
import { recordOf } from '../state/state-tree.js';
import type { StateTree } from '../state/state-tree.js';

/**
 * An optimizer for loops that make the step themselves, such as `model.fit`: its `step` only runs
 * the closure. Call `swa.resetLr()` before each step of the loop and `swa.step()` after it. Its
 * state is the learning rates of the groups; save the state of the real optimizer yourself.
 *
 * @param groups - the parameter groups; assigning a group's `lr` must reach the real optimizer
 * @returns an optimizer for {@link SWA}
 */
export function observedOptimizer<T>(groups: readonly ParamGroup<T>[]): Optimizer<T> {
  requireArray('observedOptimizer: the groups are', groups, 'Expected [{ params, lr }].');
  const paramGroups: ParamGroup<T>[] = [...groups];
  return {
    paramGroups,
    step: <Loss>(closure?: () => Awaitable<Loss>): Awaitable<Loss | undefined> => closure?.(),
    addParamGroup(group) {
      paramGroups.push(group);
    },
    stateDict() {
      return { lr: paramGroups.map((group) => group.lr) };
    },
    loadStateDict(state) {
      const { lr } = recordOf(state);
      const rates: readonly StateTree[] = Array.isArray(lr) ? (lr as readonly StateTree[]) : [];
      if (rates.length !== paramGroups.length || !rates.every(isRate)) {
        throw new PolyakError(
          'ERR_STATE',
          `observedOptimizer: the learning rates are ${written(lr)}, expected a number >= 0 for ` +
            `each of ${paramGroups.length} groups.`,
        );
      }
      paramGroups.forEach((group, index) => {
        group.lr = rates[index] as number;
      });
    },
  };
}

function isRate(rate: StateTree): boolean {
  return typeof rate === 'number' && rate >= 0 && rate < Infinity;
}
