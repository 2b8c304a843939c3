import type { Checkpoint } from '@polyak/checkpoints';
import { planMerge, runMerge } from '@polyak/checkpoints';
import type { MergeMethod } from '@polyak/checkpoints/methods';
import { BLOCK, slerp } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { MemorySink } from '../support.js';
import { checkpointsOf, float32At, merged } from './merged.js';
import { floats, vector } from './values.js';

describe('a method of your own', () => {
  it.each([1, 'yes', null, undefined])('is refused with needsBase %j', async (needsBase) => {
    const checkpoints = checkpointsOf([{ w: vector(floats(1, 2)) }, { w: vector(floats(2, 2)) }]);
    const method = { ...slerp(0.5), needsBase } as never;
    await expect(planMerge(checkpoints, 'out.safetensors', { method })).rejects.toThrow(
      `planMerge: needsBase of the method is a value of type ${typeof needsBase}, expected a `,
    );
  });
});

describe('a method that passes over tensors', () => {
  /** The mean divided by the largest magnitude in the tensor, and what it was called with. */
  function scaledMean(calls: string[]): MergeMethod {
    return {
      kind: 'blocks',
      name: 'scaled-mean',
      options: {},
      needsBase: true,
      models: { least: 1, most: 9 },
      tensor: ({ name }) => {
        let largest = 0;
        let passes = 0;
        return {
          get needsPass() {
            return passes < 2;
          },
          add: ({ models, begin }) => {
            calls.push(`${name}@${begin}`);
            for (const values of models) for (const x of values) largest = Math.max(largest, x);
          },
          endPass: () => {
            passes += 1;
          },
          merge: ({ models: [x], base }, result) => {
            for (let i = 0; i < result.length; i += 1) {
              result[i] = ((x?.[i] ?? 0) - (base?.[i] ?? 0)) / largest;
            }
          },
        };
      },
    };
  }

  it('sees whole tensors in blocks, in order, before it merges them', async () => {
    // One tensor is longer than a unit of work.
    const counts = { small: 10, large: 2 ** 20 + BLOCK + 1 };
    const members = [1, 2].map((i) => ({
      small: vector(floats(i, counts.small)),
      large: vector(floats(i + 5, counts.large)),
    }));
    const [model, base] = checkpointsOf(members) as [Checkpoint, Checkpoint];
    const calls: string[] = [];
    const { bytes } = await merged([model], { method: scaledMean(calls), base });
    const blocks = Math.ceil(counts.large / BLOCK);
    const once = Array.from({ length: blocks }, (_, i) => `large@${i * BLOCK}`);
    expect(calls).toEqual(['small@0', 'small@0', ...once, ...once]);
    const found = float32At(bytes, 40);
    const [x, y] = members.map(({ large }) => large.data as Float32Array);
    const largest = Array.from(x ?? []).reduce((most, value) => Math.max(most, value), 0);
    let wrong = 0;
    for (let i = 0; i < counts.large; i += 1) {
      if (found[i] !== Math.fround(((x?.[i] ?? 0) - (y?.[i] ?? 0)) / largest)) wrong += 1;
    }
    expect(wrong).toBe(0);
  });

  it('tells of its passes, and ends in one', async () => {
    const members = [1, 2].map((i) => ({ large: vector(floats(i, 2 ** 20 + 7)) }));
    const [model, base] = checkpointsOf(members) as [Checkpoint, Checkpoint];
    const plan = await planMerge([model], 'out', { method: scaledMean([]), base });
    const seen: { readonly done: number; readonly total: number }[] = [];
    await runMerge(plan, new MemorySink(plan.bytesToWrite), { onProgress: (p) => seen.push(p) });
    // Two passes, and the merge.
    const once = plan.bytesToRead;
    expect(seen.at(-1)).toEqual({ done: 3 * once, total: 3 * once });
    expect(seen.every(({ done, total }) => done <= total)).toBe(true);
    expect(seen.filter(({ done }) => done < once).length).toBeGreaterThan(1);

    const controller = new AbortController();
    const onProgress = ({ done }: { readonly done: number }): void => {
      if (done > 0) controller.abort(new Error('enough'));
    };
    const sink = new MemorySink(plan.bytesToWrite);
    const merge = runMerge(plan, sink, { signal: controller.signal, onProgress });
    await expect(merge).rejects.toThrow('enough');
    expect(sink.state).toBe('abandoned');
  });
});
