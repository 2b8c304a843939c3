// Members as tensors of the backend.
import type { ParameterSet } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import type { MemberStore } from './member.js';

export function deviceStore<T>(model: ParameterSet<T>): MemberStore {
  const { backend } = model;
  return {
    earlier: [],
    async take() {
      const kept = await model.copy();
      const free = async (): Promise<void> => backend.dispose(kept);
      return {
        async read() {
          const tensors = await backend.download(kept);
          const names = [...model.specs.keys()];
          return Object.fromEntries(
            tensors.map((tensor, n): [string, HostTensor] => [names[n] as string, tensor]),
          );
        },
        runWith: async (fn, options) => model.withCopy(kept, fn, options),
        remove: free,
        release: free,
      };
    },
  };
}
