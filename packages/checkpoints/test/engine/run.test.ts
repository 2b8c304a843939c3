import type { MergeOptions } from '@polyak/checkpoints';
import { mean, planMerge, runMerge, weighted } from '@polyak/checkpoints';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { MemorySink, checkpointOf } from '../support.js';

function floats(seed: number, count: number): Float32Array {
  let state = seed * 7919 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 2 ** ((state >>> 5) % 12);
  });
}

function tensor(data: Float32Array): HostTensor {
  return { dtype: 'float32', shape: [data.length], data };
}

async function merged(
  members: readonly Readonly<Record<string, HostTensor>>[],
  options: MergeOptions,
  gap = 0,
): Promise<{ readonly bytes: Uint8Array; readonly sink: MemorySink }> {
  const checkpoints = members.map((each, i) => checkpointOf(`model-${i}`, each, { gap }));
  const plan = await planMerge(checkpoints, 'out', options);
  const sink = new MemorySink(plan.bytesToWrite);
  await runMerge(plan, sink);
  return { bytes: sink.bytes, sink };
}

describe('runMerge', () => {
  it('sums in float64 in the order of the checkpoints and rounds once', async () => {
    const weights = [0.5, -0.25, 1.5];
    const members = weights.map((_, i) => ({
      a: tensor(floats(i, 70_001)),
      b: tensor(floats(i + 10, 3)),
    }));
    const { bytes, sink } = await merged(members, { method: weighted(weights) });
    expect(sink.state).toBe('published');
    const found = new Float32Array(bytes.buffer);
    const all = members.map(({ a, b }) => [...a.data, ...b.data] as number[]);
    const expected = Float32Array.from({ length: 70_004 }, (_, k) =>
      all.reduce((sum, values, i) => sum + (weights[i] as number) * (values[k] as number), 0),
    );
    expect(found).toEqual(expected);
  });

  it('gives the same elements wherever the tensors lie', async () => {
    const members = [1, 2, 3].map((i) => ({
      a: tensor(floats(i, 5001)),
      b: tensor(floats(i + 10, 1)),
      c: tensor(floats(i + 20, 9000)),
    }));
    const options = { method: mean(3) };
    const { bytes: together } = await merged(members, options);
    const { bytes: apart } = await merged(members, options, 7);
    const parts = [5001, 1, 9000].map((count) => 4 * count);
    let [from, to] = [0, 0];
    for (const length of parts) {
      to += 7;
      expect(apart.slice(to, to + length)).toEqual(together.slice(from, from + length));
      from += length;
      to += length;
    }
  });
});
