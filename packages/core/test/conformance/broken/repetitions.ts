// Backends that go wrong after a while, or with what they made themselves.
import type { HostTensor } from '@polyak/core/interfaces';
import { held, swaps } from '../broken.js';
import type { Broken } from '../broken.js';

const ALIVE = 'keeps as many tensors alive after 50 updates as after one';
const AGAIN = 'does in its 400th call what it does in its first';
const NEW = 'takes new averages wherever it takes tensors, each for itself';

/** Whether it is the 300th call, or a later one. */
function late(): () => boolean {
  let calls = 0;
  return () => (calls += 1) >= 300;
}

export const brokenRepetitions: readonly Broken[] = [
  {
    what: 'is wrong from the 300th call on',
    test: 'is the mean of 400 weights to 1e-6',
    backend: (plain) => {
      let calls = 0;
      return {
        average(items, options) {
          calls += 1;
          const isWrong = calls >= 300;
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
    what: 'finds everything finite from the 300th call on',
    test: AGAIN,
    backend: (plain) => {
      const isLate = late();
      return {
        allFinite: (tensors) => (isLate() ? tensors.map(() => true) : plain.allFinite(tensors)),
      };
    },
  },
  {
    what: 'clones the first tensor for all from the 300th call on',
    test: AGAIN,
    backend: (plain) => {
      const isLate = late();
      return {
        clone: (tensors) =>
          plain.clone(isLate() ? tensors.map((tensor) => tensors[0] ?? tensor) : tensors),
      };
    },
  },
  {
    what: 'swaps nothing in from the 300th call on',
    test: AGAIN,
    backend: (plain) => {
      const isLate = late();
      return swaps((_, parameters, tensors) =>
        isLate() ? plain.clone(held(parameters)) : plain.swap(parameters, tensors),
      )(plain);
    },
  },
  {
    what: 'clones of a new average what was there before',
    test: NEW,
    backend: (plain) => {
      const before = new Map<HostTensor, HostTensor>();
      return {
        average(items, options) {
          const old = items.map(({ average }) => ({ ...average, data: average.data.slice() }));
          const made = plain.average(items, options);
          if (made.kind === 'refused') return made;
          made.items.forEach(({ average }, n) => before.set(average, old[n] ?? average));
          return made;
        },
        clone: (tensors) => plain.clone(tensors.map((tensor) => before.get(tensor) ?? tensor)),
      };
    },
  },
  {
    what: 'frees all averages of an update with the first',
    test: NEW,
    backend: (plain) => {
      const packs = new Map<HostTensor | undefined, readonly HostTensor[]>();
      return {
        average(items, options) {
          const made = plain.average(items, options);
          if (made.kind === 'refused') return made;
          const averages = made.items.map(({ average }) => average);
          packs.set(averages[0], averages);
          return made;
        },
        dispose(tensors) {
          plain.dispose(tensors);
          for (const tensor of tensors) {
            for (const { data } of packs.get(tensor) ?? []) data.fill(0 as never);
          }
        },
      };
    },
  },
];
