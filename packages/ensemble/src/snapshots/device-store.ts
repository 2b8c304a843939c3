// Members as tensors of the backend.
import type { LiveModel } from '@polyak/core';
import { averageAt, captured, groupOf, hostCopy, runWith } from '@polyak/core/internal';
import type { Group } from '@polyak/core/internal';
import type { MemberStore } from './member.js';

export function deviceStore<T>(model: LiveModel<T>): MemberStore {
  return {
    earlier: [],
    async take() {
      const kept = await captured('take', model);
      const dispose = async (): Promise<void> => averageAt(kept, 0).dispose();
      return {
        read: async () => hostCopy(kept),
        runWith: async (fn, batchNorm) =>
          runWith('withMember', model, await duplicate(model, kept), fn, batchNorm),
        remove: dispose,
        release: dispose,
      };
    },
  };
}

/** Another group with the same average: the one that `fn` may write into. */
async function duplicate<T>(model: LiveModel<T>, kept: Group<T>): Promise<Group<T>> {
  const group = groupOf(model);
  const averages = await model.backend.clone(averageAt(kept, 0).averages);
  await averageAt(group, 0).restore({ averages, residuals: [], window: [] }, 1);
  return group;
}
