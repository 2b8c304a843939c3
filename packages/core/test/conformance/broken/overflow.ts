// Backends that overflow, each in its own way.
import { isHalf } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { halfValue } from '@polyak/core/kit';
import { numbers, withResults } from '../broken.js';
import type { Broken } from '../broken.js';

const test = 'averages finite values of any size without overflow';

interface Element {
  readonly a: number;
  readonly p: number;
  readonly w: number;
  /** The result of a backend that is right. */
  readonly right: number;
  readonly index: number;
  readonly round: (value: number) => number;
}

/** Changes the elements whose usual form overflows. */
function overflowing(change: (element: Element) => number) {
  return withResults((result, { average, live, weight }) => {
    const round = average.dtype === 'float64' ? (value: number): number => value : Math.fround;
    const [from, towards, w] = [valuesOf(average), valuesOf(live), round(weight)];
    numbers(result.average).forEach((right, index, data) => {
      const [a, p] = [from[index] ?? 0, towards[index] ?? 0];
      if (Number.isFinite(usual({ a, p, w, round }))) return;
      data[index] = change({ a, p, w, right, index, round });
    });
    return result;
  });
}

function usual({ a, p, w, round }: Pick<Element, 'a' | 'p' | 'w' | 'round'>): number {
  return round(a + round(w * round(p - a)));
}

function valuesOf(tensor: HostTensor): readonly number[] {
  const { dtype } = tensor;
  return Array.from(numbers(tensor), (value) => (isHalf(dtype) ? halfValue(dtype, value) : value));
}

export const brokenOverflow: readonly Broken[] = [
  {
    what: 'refuses finite values whose difference overflows',
    test,
    backend: (plain) => ({
      average(items, options) {
        const nonFinite = items.flatMap(({ average, live }, n) => {
          const towards = valuesOf(live);
          const isSafe = valuesOf(average).every((a, i) =>
            Number.isFinite(Math.fround((towards[i] ?? 0) - a)),
          );
          return isSafe ? [] : [n];
        });
        if (nonFinite.length > 0) return { kind: 'refused', nonFinite };
        return plain.average(items, options);
      },
    }),
  },
  { what: 'makes infinities of finite values', test, backend: overflowing(usual) },
  {
    what: 'takes the largest number for an infinity',
    test,
    backend: overflowing(({ p, right, index }) => (index < 70_000 ? Math.sign(p) * 3.4e38 : right)),
  },
  {
    what: 'takes the middle where the difference overflows',
    test,
    backend: overflowing(({ a, p }) => a / 2 + p / 2),
  },
  {
    what: 'exchanges the sides where it weighs them',
    test,
    backend: overflowing(({ a, p, w }) => w * a + (1 - w) * p),
  },
  {
    what: 'weighs the sides only where the difference overflows, not where the sum does',
    test,
    backend: overflowing(({ a, p, right, round }) =>
      Number.isFinite(round(p - a)) ? Infinity : right,
    ),
  },
  ...[1, 65_536].map((first) => ({
    what: `overflows from element ${first} on`,
    test,
    backend: overflowing((element) => (element.index < first ? element.right : usual(element))),
  })),
  {
    what: 'leaves NaN in the residuals',
    test,
    backend: withResults((result, { average }) => {
      const largest = Math.max(...valuesOf(average).slice(0, 100).map(Math.abs));
      if (result.residual !== undefined && largest > 1e38) numbers(result.residual)[1] = NaN;
      return result;
    }),
  },
  {
    what: 'says of large averages that they are not finite',
    test,
    backend: withResults((result, { average }) => ({
      ...result,
      isFinite: valuesOf(average).every((value) => Math.abs(value) < 1e38),
    })),
  },
];
