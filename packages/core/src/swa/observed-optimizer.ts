// For training loops that own the step: an optimizer that only observes.
import { described } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import { PolyakError } from '../error.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import { recordOf } from '../state/state-tree.js';
import type { StateTree } from '../state/state-tree.js';

/**
 * An optimizer for loops that take the step themselves, such as `model.fit`: its `step` only runs
 * the closure. Call `swa.resetLr()` before each step of the loop and `swa.step()` after it. Its
 * state is the groups' learning rates; what takes the step is saved by whoever owns it.
 *
 * @param groups - the parameter groups; assigning a group's `lr` must reach whatever takes the step
 * @returns an optimizer for {@link SWA}
 */
export function observedOptimizer<T>(groups: readonly ParamGroup<T>[]): Optimizer<T> {
  if (!Array.isArray(groups)) {
    throw new TypeError(
      `observedOptimizer: the groups are ${described(groups)}. Expected [{ params, lr }].`,
    );
  }
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
      const rates = learningRates(state);
      if (rates.length !== paramGroups.length) {
        throw new PolyakError(
          'ERR_STATE',
          `observedOptimizer: the state has ${rates.length} learning rates, the optimizer ` +
            `${paramGroups.length} groups.`,
        );
      }
      paramGroups.forEach((group, index) => {
        group.lr = rates[index] ?? group.lr;
      });
    },
  };
}

function learningRates(state: StateTree): readonly number[] {
  const { lr } = recordOf(state);
  if (Array.isArray(lr) && lr.every((rate) => typeof rate === 'number')) return lr;
  throw new PolyakError(
    'ERR_STATE',
    'observedOptimizer: the state has no list "lr" of learning rates.',
  );
}
