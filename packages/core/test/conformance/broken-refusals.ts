// Backends that fail by halves.
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import { numbers, withResults } from './broken.js';
import type { Broken } from './broken.js';

const REFUSES = 'refuses an update that would not be finite, names its items and changes nothing';
const ALLOWS = 'makes it where that is allowed, and says which averages are finite';
const OVERFLOW = 'never makes an infinity of finite numbers: the average is right or refused';
const THROWS = 'throws for a live tensor that was disposed of, and changes nothing';
const FINITE = 'finds NaN and infinities wherever they are, and only there';

const finite = ({ data }: HostTensor, length = data.length): boolean =>
  Array.from(data, Number).slice(0, length).every(Number.isFinite);

/** Writes the first average without a word. */
function spoil(items: readonly AverageItem<HostTensor>[]): void {
  const [item] = items;
  if (item !== undefined) numbers(item.average).fill(9);
}

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
    what: 'overflows where the difference does',
    test: OVERFLOW,
    backend: withResults((result, { average, live, weight }) => {
      const [a, p] = [numbers(average), numbers(live)];
      numbers(result.average).forEach((_, n, data) => {
        const [from, to] = [a[n] ?? 0, p[n] ?? 0];
        data[n] = from + Math.fround(weight * Math.fround(to - from));
      });
      return result;
    }),
  },
  {
    what: 'takes what is large for an infinity',
    test: FINITE,
    backend: () => ({
      allFinite: (tensors) =>
        tensors.map(({ data }) =>
          Number.isFinite(Array.from(data, Number).reduce(addAsFloat32, 0)),
        ),
    }),
  },
  {
    what: 'never finds NaN',
    test: FINITE,
    backend: () => ({ allFinite: (tensors) => tensors.map(() => true) }),
  },
  {
    what: 'finds no NaN in a scalar',
    test: FINITE,
    backend: (plain) => ({
      allFinite: (tensors) =>
        plain.allFinite(tensors).map((is, n) => is || tensors[n]?.shape.length === 0),
    }),
  },
  {
    what: 'finds no negative infinity',
    test: FINITE,
    backend: () => ({
      allFinite: (tensors) =>
        tensors.map(({ data }) => !Array.from(data, Number).some((x) => !(x < Infinity))),
    }),
  },
  {
    what: 'says of the list whether it is finite',
    test: FINITE,
    backend: (plain) => ({
      allFinite(tensors) {
        const all = plain.allFinite(tensors).every(Boolean);
        return tensors.map(() => all);
      },
    }),
  },
  {
    what: 'finds no NaN in half precision',
    test: 'finds NaN and infinities among half-precision numbers, and only there',
    backend: (plain) => ({
      allFinite: (tensors) =>
        plain.allFinite(tensors).map((is, n) => is || tensors[n]?.data instanceof Uint16Array),
    }),
  },
  {
    what: 'moves the first items before it throws',
    test: THROWS,
    backend: (plain) => ({
      average(items, options) {
        try {
          return plain.average(items, options);
        } catch (error) {
          spoil(items);
          throw error;
        }
      },
    }),
  },
  {
    what: 'consumes the averages where it throws',
    test: THROWS,
    backend: (plain) => ({
      average(items, options) {
        try {
          return plain.average(items, options);
        } catch (error) {
          plain.dispose(items.map(({ average }) => average));
          throw error;
        }
      },
    }),
  },
  {
    what: 'leaks where it throws',
    test: THROWS,
    backend: (plain) => ({
      average(items, options) {
        const copies = plain.clone(items.slice(0, 1).map(({ average }) => average));
        const made = plain.average(items, options);
        plain.dispose(copies);
        return made;
      },
    }),
  },
  {
    what: 'averages tensors that were disposed of',
    test: THROWS,
    backend: (plain) => ({
      average: (items, options) =>
        plain.average(
          items.map((item) => ({ ...item, live: { ...item.live, data: item.live.data.slice() } })),
          options,
        ),
    }),
  },
];

function addAsFloat32(sum: number, value: number): number {
  return Math.fround(sum + value);
}
