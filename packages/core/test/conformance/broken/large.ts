// Backends that stop short in large tensors.
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import type { PlainBackend } from '../../../../../tests/support/plain-backend.js';
import { numbers, swaps, withResults } from '../broken.js';
import type { Broken } from '../broken.js';

const KEEPS = 'keeps every element of a large tensor through upload, clone, swap and download';
const LARGE = 'averages every element of a large tensor';
const SEES = 'sees what differs or is not finite in the last element of a large tensor';
const COMPENSATED = 'compensated, averages every element of a large tensor';

const SOME = 2 ** 20;
const ALL = 4099 ** 2;

/** A tensor whose elements from `first` on are zero. */
function cut({ dtype, shape, data }: HostTensor, first: number): HostTensor {
  const own = data.slice();
  own.fill(0 as never, first);
  return { dtype, shape, data: own };
}

/** Averages some elements of finite numbers, by a loop that is faster than the plain one. */
const averages =
  (moves: (index: number) => boolean): NonNullable<Broken['backend']> =>
  (plain: PlainBackend) => ({
    average(items) {
      const copies = plain.clone(items.map(({ average }) => average));
      plain.dispose(items.map(({ average }) => average));
      const made = items.map(({ live, weight }: AverageItem<HostTensor>, item) => {
        const average = copies[item] as HostTensor;
        const [a, p, w] = [numbers(average), numbers(live), Math.fround(weight)];
        for (let n = 0; n < a.length; n += 1) {
          if (!moves(n)) continue;
          const old = a[n] as number;
          a[n] = old + w * ((p[n] as number) - old);
        }
        return { average, isFinite: true, hasMoved: true };
      });
      return { kind: 'averaged', items: made };
    },
  });

/** The same, with the old elements from `first` on. */
const short = (first: number): NonNullable<Broken['backend']> => averages((index) => index < first);

/** Sees the first 2^20 elements only. */
const seen = (tensor: HostTensor): HostTensor => {
  const data = tensor.data.slice(0, SOME);
  return { dtype: tensor.dtype, shape: [data.length], data };
};

export const brokenLarge: readonly Broken[] = [
  ...[2 ** 16, 2 ** 18, 2 ** 20].map((first) => ({
    what: `does not average the elements from ${first} on`,
    test: LARGE,
    backend: short(first),
  })),
  {
    what: 'does not average the elements from 2^24 on',
    test: LARGE,
    backend: short(2 ** 24),
    maxElements: ALL,
  },
  ...[64, 256].map((size) => ({
    what: `starts 65,535 workgroups of ${size} at most`,
    test: LARGE,
    backend: short(65_535 * size),
    maxElements: ALL,
  })),
  {
    what: 'counts elements in float32',
    test: LARGE,
    backend: averages((index) => index === Math.fround(index)),
    maxElements: ALL,
  },
  {
    what: 'uploads the first 2^20 elements',
    test: KEEPS,
    backend: (plain) => ({ upload: (all) => plain.upload(all.map((each) => cut(each, SOME))) }),
  },
  {
    what: 'clones the first 2^20 elements',
    test: KEEPS,
    backend: (plain) => ({ clone: (all) => plain.clone(all.map((each) => cut(each, SOME))) }),
  },
  {
    what: 'downloads the first 2^20 elements',
    test: KEEPS,
    backend: (plain) => ({ download: (all) => plain.download(all).map((each) => cut(each, SOME)) }),
  },
  {
    what: 'swaps the first 2^20 elements',
    test: KEEPS,
    backend: swaps((plain, parameters, all) =>
      plain.swap(
        parameters,
        all.map((each) => cut(each, SOME)),
      ),
    ),
  },
  {
    what: 'looks at 2^20 elements for NaN',
    test: SEES,
    backend: (plain) => ({ allFinite: (all) => plain.allFinite(all.map(seen)) }),
  },
  {
    what: 'looks at 2^20 elements for one that moved',
    test: SEES,
    backend: withResults((result, { average, live }) => {
      const [a, p] = [numbers(average), numbers(live)];
      return { ...result, hasMoved: a.subarray(0, SOME).some((value, n) => value !== p[n]) };
    }),
  },
  {
    what: 'looks at 2^20 elements for one to refuse',
    test: SEES,
    backend: (plain) => ({
      average(items, options) {
        const isFinite = plain.allFinite(items.map(({ live }) => seen(live))).every(Boolean);
        return plain.average(items, isFinite ? { allowNonFinite: true } : options);
      },
    }),
  },
  {
    what: 'looks at 2^20 elements of an average for one that is not finite',
    test: SEES,
    backend: withResults((result) => {
      const data = numbers(result.average).subarray(0, SOME);
      return { ...result, isFinite: data.every(Number.isFinite) };
    }),
  },
  ...[1000, 2 ** 20].map((first) => ({
    what: `ignores the residual from the element ${first} on`,
    test: COMPENSATED,
    backend: withResults((result) => {
      if (result.residual !== undefined) numbers(result.residual).fill(0, first);
      return result;
    }),
  })),
];
