// Results do not depend on when the blocks of a tensor come, nor on what comes between them.
import { methodOf } from '@polyak/checkpoints/methods';
import type { TensorMerge } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { drive, eachBlock, finish, isSame, pass, start, tuned } from './drive.js';
import type { Tensors } from './drive.js';

const TENSORS = [
  tuned('large', 2 ** 18 + 70_000, 2),
  tuned('medium', 150_001, 2),
  tuned('small', 5, 2),
];

/** All tensors at the same time: a block of each in turn, in every pass. */
function interleaved(merges: readonly (readonly [TensorMerge, Tensors])[]): void {
  for (let open = [...merges]; open.length > 0; open = open.filter(([merge]) => merge.needsPass)) {
    const calls: (() => void)[][] = open.map(([merge, tensors]) => {
      const blocks: (() => void)[] = [];
      eachBlock(tensors, (block) => blocks.push(() => merge.add(block)));
      return [...blocks, () => merge.endPass()];
    });
    for (let turn = 0; calls.some((list) => turn < list.length); turn += 1) {
      for (const list of calls) list[turn]?.();
    }
  }
}

describe.each([
  ['slerp', { t: 0.3 }],
  ['task-arithmetic', { lambda: 0.7 }],
  ['ties', { density: 0.3 }],
  ['ties', { density: 0.3, elect: 'count' }],
  ['dare', { density: 0.3, seed: 5 }],
  ['dare', { density: 0.3, elect: 'sum' }],
  ['model-stock', {}],
])('%s of %o', (name, options) => {
  const method = methodOf(name, options);
  const alone = TENSORS.map((tensors) => drive(methodOf(name, options), tensors).merged);

  it('is the same with other tensors between the blocks of a tensor', () => {
    const merges = TENSORS.map((tensors) => [start(method, tensors), tensors] as const);
    interleaved(merges.filter(([merge]) => merge.needsPass));
    for (const [index, [merge, tensors]] of merges.entries()) {
      expect(isSame(finish(merge, tensors), alone[index])).toBe(true);
    }
  });

  it('is the same for a block whose others are not merged', () => {
    for (const [index, tensors] of TENSORS.entries()) {
      const merge = start(method, tensors);
      while (merge.needsPass) pass(merge, tensors);
      eachBlock(tensors, (block) => {
        if (block.begin === 0) return;
        const { length } = block.models[0] ?? [];
        const result = new Float64Array(length ?? 0);
        merge.merge(block, result);
        const whole = alone[index]?.subarray(block.begin, block.begin + result.length);
        expect(isSame(result, whole)).toBe(true);
      });
    }
    expect(method.name).toBe(name);
  });
});
