// Kernels in the memory of another module, before and after it grows.
import { heapKernels } from '@polyak/backend-cpu/host';
import { describe, expect, it } from 'vitest';
import { difference, fillTame, fillWild } from './data.js';
import { referenceAverage, referenceCompensated } from './reference.js';

const SIZE = 1003;

describe('heap kernels', () => {
  const memory = new WebAssembly.Memory({ initial: 4 });
  const kernels = heapKernels(memory);
  const view = (index: number, size = SIZE): Float32Array =>
    new Float32Array(memory.buffer, 4 * (1 + index * SIZE), size);

  it.each([0, 3])('average as the equations say in a memory that grew by %i pages', (pages) => {
    memory.grow(pages);
    const [average, live] = [fillWild(view(0), 1), fillWild(view(1), 2)] as const;
    const residual = fillTame(view(2), 3);
    residual.forEach((value, index) => (residual[index] = value * 2 ** -24));
    const before = [average, live, residual].map((array) => array.slice());
    const [plain, sum, rest] = [view(3), view(4), view(5)] as const;
    const items = [
      { average, live, weight: 0.3 },
      { average, residual, live, weight: 0.7 },
    ];
    const result = kernels.average(items, [plain, sum, rest], true);
    expect(result.kind === 'averaged' && result.items.map((item) => item.average)).toEqual([
      plain,
      sum,
    ]);
    const expected = average.slice();
    referenceAverage(expected, live, 0.3);
    expect(difference(plain, expected)).toBeUndefined();
    const pair = [average.slice(), residual.slice()] as const;
    referenceCompensated(...pair, live, 0.7);
    expect(difference(sum, pair[0])).toBeUndefined();
    expect(difference(rest, pair[1])).toBeUndefined();
    expect([average, live, residual]).toEqual(before);
  });

  it('refuse an update, and find what is not finite', () => {
    const [average, live] = [fillTame(view(0), 1), fillTame(view(1), 2)] as const;
    expect(kernels.allFinite(live)).toBe(true);
    live[SIZE - 1] = -Infinity;
    expect(kernels.allFinite(live)).toBe(false);
    const items = [{ average, live, weight: 0.5 }];
    expect(kernels.average(items, [view(3)], false)).toEqual({ kind: 'refused', nonFinite: [0] });
    expect(kernels.average(items, [view(3)], true).kind).toBe('averaged');
  });

  it('take no memory that is shared between threads', () => {
    const shared = new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
    expect(() => heapKernels(shared)).toThrow(WebAssembly.LinkError);
  });
});
