// Members as arrays in host memory.
import type { HostTensor, LiveModel } from '@polyak/core';
import { held, readFor, runWith } from '@polyak/core/internal';
import type { MemberStore } from './member.js';

export function hostStore<T>(model: LiveModel<T>): MemberStore {
  return {
    earlier: [],
    async take() {
      const weights = await readFor('take', model);
      return {
        read: async () =>
          Object.fromEntries(
            Object.entries(weights).map(([name, tensor]) => [name, copyOf(tensor)]),
          ),
        runWith: async (fn, batchNorm) =>
          runWith('withMember', model, await held('withMember', model, weights), fn, batchNorm),
        remove() {},
        release() {},
      };
    },
  };
}

function copyOf({ dtype, shape, data }: HostTensor): HostTensor {
  return { dtype, shape, data: data.slice() };
}
