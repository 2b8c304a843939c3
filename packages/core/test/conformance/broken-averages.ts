// Backends whose averages are wrong.
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import { elementCount } from '@polyak/core/interfaces';
import { arrayParameter, numbers, withItems, withResults } from './broken.js';
import type { Broken } from './broken.js';

const EVERY = 'averages to two units in the last place, for every weight and shape';
const SHARED = 'moves averages of different weights towards shared live tensors in one call';
const LONG = 'moves each item of a long list by its own weight';
const LARGE = 'averages every element of a tensor of a million';
const MOVED = 'says of each item whether the live tensor differed from its average';
const FOLLOWS = 'compensated, follows decay 0.9999 to 1e-9 over 1,000 updates';
const ALIVE = 'keeps as many tensors alive after 50 updates as after one';

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
  ...[2, 20, 65, 129].map((place) => ({
    what: `ignores the weights from the item ${place} on`,
    test: LONG,
    backend: withItems((item, n) => (n < place - 1 ? item : { ...item, weight: 0.5 })),
  })),
  ...[2 ** 16, 2 ** 18, 2 ** 20].map((first) => ({
    what: `does not average the elements from ${first} on`,
    test: LARGE,
    backend: withResults((result, { average }) => {
      numbers(result.average).set(numbers(average).subarray(first), Math.min(first, size(average)));
      return result;
    }),
  })),
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
    harness: () => ({ parameter: arrayParameter }),
  },
  {
    what: 'is wrong from the 100th call on',
    test: 'is the mean of 200 weights to 1e-6',
    backend: (plain) => {
      let calls = 0;
      return {
        average(items, options) {
          calls += 1;
          const isWrong = calls >= 100;
          return plain.average(
            items.map((item) => (isWrong ? { ...item, weight: 0 } : item)),
            options,
          );
        },
      };
    },
  },
  {
    what: 'leaks a tensor an update',
    test: ALIVE,
    backend: (plain) => ({
      average(items, options) {
        plain.clone(items.slice(0, 1).map(({ average }) => average));
        return plain.average(items, options);
      },
    }),
  },
  {
    what: 'keeps the old averages',
    test: ALIVE,
    backend: (plain) => ({
      average(items, options) {
        const copies = plain.clone(items.map(({ average }) => average));
        const own = items.map((item, n) => ({ ...item, average: copies[n] as HostTensor }));
        return plain.average(own, options);
      },
    }),
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
    what: 'drops the residual',
    test: FOLLOWS,
    backend: withResults((result) => {
      if (result.residual !== undefined) numbers(result.residual).fill(0);
      return result;
    }),
  },
  {
    what: 'has residuals of the first item only',
    test: FOLLOWS,
    backend: withResults((result, _, n) => {
      if (result.residual !== undefined && n > 0) numbers(result.residual).fill(0);
      return result;
    }),
  },
  {
    what: 'has residuals of the first 1,000 elements only',
    test: FOLLOWS,
    backend: withResults((result) => {
      if (result.residual !== undefined) numbers(result.residual).fill(0, 1000);
      return result;
    }),
  },
  {
    what: 'returns no residual',
    test: FOLLOWS,
    backend: withResults(({ average, isFinite, hasMoved }) => ({ average, isFinite, hasMoved })),
  },
  {
    what: 'forgets the old residuals',
    test: 'compensated, keeps as many tensors alive after ten updates as after one',
    backend: withItems((item) => {
      const { residual } = item;
      if (residual === undefined) return item;
      return { ...item, residual: { ...residual, data: numbers(residual).slice() } };
    }),
  },
  {
    what: 'averages items otherwise beside one with a residual',
    test: 'compensated, leaves the items without a residual of the same call as they would be',
    backend: (plain) => ({
      average(items, options) {
        const isMixed = items.some(({ residual }) => residual !== undefined);
        const made = plain.average(items, options);
        if (made.kind === 'averaged' && isMixed) {
          for (const { average } of made.items) numbers(average).forEach(nudge);
        }
        return made;
      },
    }),
  },
];

function nudge(value: number, index: number, data: Float32Array): void {
  data[index] = value * (1 + 2 ** -23);
}

function size({ shape }: HostTensor): number {
  return elementCount(shape);
}
