// Backends that fail by halves.
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import { numbers, spoil, withResults } from '../broken.js';
import type { Broken } from '../broken.js';

const REFUSES = 'refuses an update that would not be finite, names its items and changes nothing';
const ALLOWS = 'makes it where that is allowed, and says which averages are finite';
const ONCE = 'makes an update that it refused once that is allowed, and refuses the next again';

const finite = ({ data }: HostTensor, length = data.length): boolean =>
  Array.from(data, Number).slice(0, length).every(Number.isFinite);

export const brokenRefusals: readonly Broken[] = [
  {
    what: 'never refuses',
    test: REFUSES,
    backend: (plain) => ({
      average: (items) => plain.average(items, { allowNonFinite: true }),
    }),
  },
  {
    what: 'looks at the live tensors only, and not at the results',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const nonFinite = items.flatMap(({ live }, n) => (finite(live) ? [] : [n]));
        if (nonFinite.length > 0 && options?.allowNonFinite !== true) {
          return { kind: 'refused', nonFinite };
        }
        return plain.average(items, options);
      },
    }),
  },
  {
    what: 'names the first item only',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'averaged') return made;
        return { ...made, nonFinite: made.nonFinite.slice(0, 1) };
      },
    }),
  },
  {
    what: 'names all items',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        return made.kind === 'averaged' ? made : { ...made, nonFinite: items.map((_, n) => n) };
      },
    }),
  },
  ...[1, 257].map((seen) => ({
    what: `looks at ${seen} elements for one that is not finite`,
    test: REFUSES,
    backend: (plain: Parameters<NonNullable<Broken['backend']>>[0]) => ({
      average(items: readonly AverageItem<HostTensor>[]) {
        const nonFinite = items.flatMap(({ live, average }, n) =>
          finite(live, seen) && finite(average, seen) ? [] : [n],
        );
        if (nonFinite.length > 0) return { kind: 'refused' as const, nonFinite };
        return plain.average(items);
      },
    }),
  })),
  {
    what: 'writes before it refuses',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') spoil(items);
        return made;
      },
    }),
  },
  {
    what: 'writes a residual before it refuses',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused' && items[0]?.residual !== undefined) {
          numbers(items[0].residual).fill(9);
        }
        return made;
      },
    }),
  },
  {
    what: 'consumes what it refuses',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') plain.dispose(items.map(({ average }) => average));
        return made;
      },
    }),
  },
  {
    what: 'keeps what it had computed when it refuses',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') plain.clone(items.map(({ average }) => average));
        return made;
      },
    }),
  },
  {
    what: 'refuses what is allowed',
    test: ALLOWS,
    backend: (plain) => ({ average: (items) => plain.average(items) }),
  },
  {
    what: 'says that all results are finite',
    test: ALLOWS,
    backend: withResults((result) => ({ ...result, isFinite: true })),
  },
  {
    what: 'says of the first item for all whether it is finite',
    test: ALLOWS,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        const isFinite = made.items[0]?.isFinite === true;
        return { ...made, items: made.items.map((item) => ({ ...item, isFinite })) };
      },
    }),
  },
  {
    what: 'says of the call, not of each item, whether it is finite',
    test: ALLOWS,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        const isFinite = made.items.every((item) => item.isFinite);
        return { ...made, items: made.items.map((item) => ({ ...item, isFinite })) };
      },
    }),
  },
  {
    what: 'leaves out the items that are not finite where that is allowed',
    test: ALLOWS,
    backend: withResults((result, { average }) => {
      if (!result.isFinite) numbers(result.average).set(numbers(average));
      return result;
    }),
  },
  {
    what: 'remembers that a result may be not finite',
    test: ONCE,
    backend: (plain) => {
      let isAllowed = false;
      return {
        average(items, { allowNonFinite = false } = {}) {
          isAllowed ||= allowNonFinite;
          return plain.average(items, { allowNonFinite: isAllowed });
        },
      };
    },
  },
  {
    what: 'remembers what it refused',
    test: ONCE,
    backend: (plain) => {
      const refused = new Map<HostTensor, number>();
      return {
        average(items, options) {
          const known = items.flatMap(({ average }) => refused.get(average) ?? []);
          if (known.length > 0) return { kind: 'refused', nonFinite: known };
          const made = plain.average(items, options);
          if (made.kind === 'averaged') return made;
          for (const n of made.nonFinite) refused.set(items[n]?.average as HostTensor, n);
          return made;
        },
      };
    },
  },
  {
    what: 'moves the averages a second time where it refused them',
    test: ONCE,
    backend: (plain) => {
      const refused = new Set<HostTensor>();
      return {
        average(items, options) {
          const made = plain.average(
            items.map((item) => (refused.has(item.average) ? { ...item, weight: 0 } : item)),
            options,
          );
          if (made.kind === 'refused') for (const { average } of items) refused.add(average);
          return made;
        },
      };
    },
  },
  {
    what: 'refuses an average whose sum overflows',
    test: REFUSES,
    backend: (plain) => ({
      average(items, options) {
        const sums = items.map(({ live: { dtype, data } }) => {
          const round = dtype === 'float64' ? Number : Math.fround;
          return Array.from(data, Number).reduce((sum, x) => round(sum + x), 0);
        });
        const nonFinite = sums.flatMap((sum, n) => (Number.isFinite(sum) ? [] : [n]));
        if (nonFinite.length > 0 && options?.allowNonFinite !== true) {
          return { kind: 'refused', nonFinite };
        }
        return plain.average(items, options);
      },
    }),
  },
  {
    what: 'leaks where it makes what is not finite',
    test: ALLOWS,
    backend: (plain) => ({
      average(items, options) {
        if (options?.allowNonFinite === true) plain.clone(items.map(({ average }) => average));
        return plain.average(items, options);
      },
    }),
  },
];
