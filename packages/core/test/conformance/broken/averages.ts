// Backends whose averages are wrong.
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import { clear, numbers, ownArrayParameter, withItems, withResults } from '../broken.js';
import type { Broken } from '../broken.js';

const EVERY = 'averages to two units in the last place, for every weight and shape';
const SHARED = 'moves averages of different weights towards shared live tensors in one call';
const MOVED = 'says of each item whether the live tensor differed from its average';

export const brokenAverages: readonly Broken[] = [
  {
    what: 'ignores the weight',
    test: EVERY,
    backend: withItems((item) => ({ ...item, weight: 0.5 })),
  },
  {
    what: 'exchanges the ends',
    test: EVERY,
    backend: withItems((item) => ({ ...item, weight: 1 - item.weight })),
  },
  {
    what: 'rounds the weight to half precision',
    test: EVERY,
    backend: withItems((item) => ({ ...item, weight: Math.round(item.weight * 2048) / 2048 })),
  },
  {
    what: 'says that results are not finite',
    test: EVERY,
    backend: withResults((result) => ({ ...result, isFinite: false })),
  },
  {
    what: 'returns the averages in reverse',
    test: SHARED,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        return made.kind === 'refused' ? made : { ...made, items: made.items.toReversed() };
      },
    }),
  },
  {
    what: 'takes the weight of the first item for all',
    test: SHARED,
    backend: (plain) => ({
      average: (items, options) =>
        plain.average(
          items.map((item) => ({ ...item, weight: items[0]?.weight ?? 0 })),
          options,
        ),
    }),
  },
  {
    what: 'leaves out items whose live tensor another one has',
    test: SHARED,
    backend: (plain) => ({
      average(items, options) {
        const seen = new Set<HostTensor>();
        const once = items.map((item) => {
          const isFirst = !seen.has(item.live);
          seen.add(item.live);
          return isFirst ? item : { ...item, weight: 0 };
        });
        return plain.average(once, options);
      },
    }),
  },
  {
    what: 'writes into live',
    test: 'only reads the live tensors',
    backend: withResults((result, { live }) => {
      numbers(live).set(numbers(result.average));
      return result;
    }),
  },
  {
    what: 'reads live late',
    test: 'has read the live tensors when it resolves',
    backend: (plain) => {
      const late = new Map<HostTensor, AverageItem<HostTensor>>();
      return {
        average(items) {
          for (const item of items) late.set(item.average, item);
          const made = items.map(({ average }) => ({ average, isFinite: true, hasMoved: true }));
          return { kind: 'averaged', items: made };
        },
        download: (tensors) =>
          tensors.flatMap((tensor) => {
            const item = late.get(tensor);
            if (item === undefined) return plain.download([tensor]);
            const [average = tensor] = plain.clone([tensor]);
            const made = plain.average([{ ...item, average }]);
            return made.kind === 'averaged' ? made.items.map((each) => each.average) : [];
          }),
      };
    },
    harness: () => ({ parameter: ownArrayParameter }),
  },
  {
    what: 'says that everything moved',
    test: MOVED,
    backend: withResults((result) => ({ ...result, hasMoved: true })),
  },
  {
    what: 'says that nothing moved',
    test: MOVED,
    backend: withResults((result) => ({ ...result, hasMoved: false })),
  },
  ...[1, 256, 65_536].map((seen) => ({
    what: `looks at ${seen} elements for one that moved`,
    test: MOVED,
    backend: withResults((result, { average, live }) => {
      const [a, p] = [numbers(average), numbers(live)];
      return { ...result, hasMoved: a.slice(0, seen).some((value, n) => value !== p[n]) };
    }),
  })),
  {
    what: 'says of the call, not of each item, whether it moved',
    test: MOVED,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        const hasMoved = made.items.some((item) => item.hasMoved);
        return { ...made, items: made.items.map((item) => ({ ...item, hasMoved })) };
      },
    }),
  },
  {
    what: 'compares the new average with the old one',
    test: MOVED,
    backend: withResults((result, { average }) => {
      const [a, b] = [numbers(average), numbers(result.average)];
      const first = a.findIndex((value, n) => Math.abs(value - (b[n] ?? 0)) > 1e-3);
      return { ...result, hasMoved: first >= 0 };
    }),
  },
  {
    what: 'takes -0 for another number than 0',
    test: MOVED,
    backend: withResults((result, { average, live }) => {
      const [a, p] = [numbers(average), numbers(live)];
      return { ...result, hasMoved: a.some((value, n) => !Object.is(value, p[n])) };
    }),
  },
  {
    what: 'says of the first item for all whether it moved',
    test: MOVED,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        const hasMoved = made.items[0]?.hasMoved === true;
        return { ...made, items: made.items.map((item) => ({ ...item, hasMoved })) };
      },
    }),
  },
  {
    what: 'averages float64 in float32',
    test: EVERY,
    backend: withResults((result) => {
      const data = numbers(result.average);
      data.forEach((value, n) => (data[n] = Math.fround(value)));
      return result;
    }),
  },
  {
    what: 'rounds the weight of float64 to float32',
    test: EVERY,
    backend: withItems((item) => ({ ...item, weight: Math.fround(item.weight) })),
  },
  {
    what: 'flattens averages of more than four axes',
    test: EVERY,
    backend: withResults((result) => {
      const { average } = result;
      if (average.shape.length < 5) return result;
      return { ...result, average: { ...average, shape: [average.data.length] } };
    }),
  },
  {
    what: 'averages nothing where there is one item',
    test: 'averages a tensor alone as it does among others',
    backend: (plain) => ({
      average: (items, options) =>
        plain.average(
          items.map((item) => (items.length > 1 ? item : { ...item, weight: 0 })),
          options,
        ),
    }),
  },
  {
    what: 'clears live',
    test: 'only reads the live tensors',
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        items.slice(0, 1).forEach(({ live }) => clear(live));
        return made;
      },
    }),
  },
  {
    what: 'remembers the weight of its first call',
    test: EVERY,
    backend: (plain) => {
      let first: number | undefined;
      return {
        average(items, options) {
          const weight = (first ??= items[0]?.weight ?? 0);
          return plain.average(
            items.map((item) => ({ ...item, weight })),
            options,
          );
        },
      };
    },
  },
  {
    what: 'returns live itself where its weight is 1',
    test: 'has read the live tensors when it resolves',
    backend: withResults((result, { live, weight }) =>
      weight === 1 ? { ...result, average: live } : result,
    ),
    harness: () => ({ parameter: ownArrayParameter }),
  },
  {
    what: 'adds the differences up to see whether one moved',
    test: MOVED,
    backend: withResults((result, { average, live }) => {
      const [a, p] = [numbers(average), numbers(live)];
      return { ...result, hasMoved: a.reduce((sum, x, n) => sum + ((p[n] ?? 0) - x), 0) !== 0 };
    }),
  },
  ...[1e-6, 1e-12].map((tolerance) => ({
    what: `sees no difference of ${tolerance}`,
    test: MOVED,
    backend: withResults((result, { average, live }) => {
      const [a, p] = [numbers(average), numbers(live)];
      const differs = (x: number, n: number): boolean =>
        Math.abs(x - (p[n] ?? 0)) > tolerance * Math.abs(x);
      return { ...result, hasMoved: a.some(differs) };
    }),
  })),
];
