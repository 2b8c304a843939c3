// Members as arrays in host memory.
import type { ParameterSet } from '@polyak/core';
import { copiesOf } from '../copies.js';
import type { MemberStore } from './member.js';

export function hostStore<T>(model: ParameterSet<T>): MemberStore {
  return {
    earlier: [],
    async take() {
      const weights = await model.read();
      return {
        read: async () => copiesOf(weights),
        runWith: async (fn, options) => model.withWeights(weights, fn, options),
        remove() {},
        release() {},
      };
    },
  };
}
