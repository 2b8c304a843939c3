// The other weights of a check: others in each element, near, and finite.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { checkEmbedding } from '@polyak/core/embedding';
import { describe, expect, it } from 'vitest';

describe('the other weights that a check puts in', () => {
  const original = Float32Array.of(3, -5, 0, 3, 4096, -4096, 1e30, -3e38, Infinity, -Infinity);

  /** What `predict` sees of two parameters with equal values while all have other ones. */
  async function tried(): Promise<readonly [first: readonly number[], second: readonly number[]]> {
    const [first, second] = [original.slice(), original.slice()];
    const parameters = Object.entries({ first, second }).map(([name, data]) =>
      parameter(name, { dtype: 'float32', shape: [data.length], data }),
    );
    const seen: (readonly [number[], number[]])[] = [];
    const predict = (): number[] => {
      seen.push([[...first], [...second]]);
      return [...first, ...second];
    };
    await checkEmbedding(parameters, { backend: cpuBackend(), predict });
    return seen[4] as readonly [number[], number[]];
  }

  it('are others in each element, and for each parameter', async () => {
    const [first, second] = await tried();
    for (const [n, value] of original.entries()) {
      expect(first[n]).not.toBe(value);
      expect(second[n]).not.toBe(value);
      expect(first[n]).not.toBe(second[n]);
    }
    expect((first[0] as number) - 3).not.toBe((first[3] as number) - 3);
  });

  /** The least and the largest other value. */
  function rangeOf(value: number): readonly [number, number] {
    const size = Math.abs(value);
    if (size > 4096 && size < Infinity) {
      return value > 0 ? [value / 4, value * 0.75] : [value * 0.75, value / 4];
    }
    const start = size < Infinity ? value : 0;
    const step = Math.abs(start) / 8 + 1 / 16;
    return [start + step / 2, start + step * 1.5];
  }

  it('are near, and where they are large, smaller, so that nothing overflows', async () => {
    for (const values of await tried()) {
      for (const [n, value] of original.entries()) {
        const [least, most] = rangeOf(value);
        expect(values[n]).toBeGreaterThanOrEqual(least);
        expect(values[n]).toBeLessThanOrEqual(most);
      }
    }
  });
});
