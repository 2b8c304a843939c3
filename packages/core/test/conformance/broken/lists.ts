// Backends that treat some tensors of a list otherwise than the others.
import type { HostTensor } from '@polyak/core/interfaces';
import { ownArrayParameter, swaps, withItems, withResults } from '../broken.js';
import type { Broken } from '../broken.js';

const LISTS = 'uploads, clones, swaps and downloads each tensor of a long list';
const FINITE = 'finds what is not finite in each tensor of a long list';
const LONG = 'moves each item of a long list by its own weight';
const STATUSES = 'says of each item of a long list whether it moved and whether it is finite';
const TWICE = 'makes two tensors of one that occurs twice in a list';

/** The tensors up to a place, and after it the first again. */
const upTo = (tensors: readonly HostTensor[], place: number): readonly HostTensor[] =>
  tensors.map((tensor, n) => (n < place ? tensor : (tensors[0] ?? tensor)));

/** Each tensor once. */
const once = (tensors: readonly HostTensor[]): readonly HostTensor[] => [...new Set(tensors)];

/** What was made of each tensor, again where it occurs again. */
function again(
  tensors: readonly HostTensor[],
  make: (tensors: readonly HostTensor[]) => readonly HostTensor[],
): readonly HostTensor[] {
  const all = once(tensors);
  const made = make(all);
  return tensors.map((tensor) => made[all.indexOf(tensor)] as HostTensor);
}

export const brokenLists: readonly Broken[] = [
  ...[2, 20, 65, 129, 257].map((place) => ({
    what: `ignores the weights from the item ${place} on`,
    test: LONG,
    backend: withItems((item, n) => (n < place - 1 ? item : { ...item, weight: 0.5 })),
  })),
  ...[2, 20, 65].map((place) => ({
    what: `ignores the weight of the item ${place} only`,
    test: LONG,
    backend: withItems((item, n) => (n === place - 1 ? { ...item, weight: 0.5 } : item)),
  })),
  {
    what: 'takes the first tensor for those from the 65th on where it uploads',
    test: LISTS,
    backend: (plain) => ({ upload: (tensors) => plain.upload(upTo(tensors, 64)) }),
  },
  {
    what: 'takes the first tensor for those from the 65th on where it downloads',
    test: LISTS,
    backend: (plain) => ({ download: (tensors) => plain.download(upTo(tensors, 64)) }),
  },
  {
    what: 'takes the first tensor for those from the 65th on where it clones',
    test: LISTS,
    backend: (plain) => ({ clone: (tensors) => plain.clone(upTo(tensors, 64)) }),
  },
  {
    what: 'swaps the first 128 tensors only',
    test: LISTS,
    backend: swaps(async (plain, parameters, tensors) => {
      const rest = plain.clone(parameters.slice(128).map((parameter) => parameter.get()));
      return [...(await plain.swap(parameters.slice(0, 128), tensors.slice(0, 128))), ...rest];
    }),
  },
  {
    what: 'disposes of the first 256 tensors only',
    test: LISTS,
    backend: (plain) => ({ dispose: (tensors) => plain.dispose(tensors.slice(0, 256)) }),
  },
  ...[32, 64, 256].map((length) => ({
    what: `keeps what is finite in a mask of ${length} bits`,
    test: FINITE,
    backend: (plain: Plain) => ({
      allFinite(tensors: readonly HostTensor[]) {
        const found = plain.allFinite(tensors);
        return found.map((_, n) => found[n % length] === true);
      },
    }),
  })),
  {
    what: 'says of a long list in reverse whether it is finite',
    test: FINITE,
    backend: (plain) => ({ allFinite: (tensors) => plain.allFinite(tensors).toReversed() }),
  },
  ...[32, 64, 256].map((length) => ({
    what: `keeps what moved in a mask of ${length} bits`,
    test: STATUSES,
    backend: (plain: Plain) => ({
      average(...given: Parameters<Plain['average']>) {
        const made = plain.average(...given);
        if (made.kind === 'refused') return made;
        const items = made.items.map((item, n) => {
          return { ...item, hasMoved: made.items[n % length]?.hasMoved === true };
        });
        return { ...made, items };
      },
    }),
  })),
  {
    what: 'says of the first 64 items only whether they are finite',
    test: STATUSES,
    backend: withResults((result, _, n) => (n < 64 ? result : { ...result, isFinite: true })),
  },
  {
    what: 'refuses for the first 64 items only',
    test: STATUSES,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'averaged') return made;
        return { ...made, nonFinite: made.nonFinite.filter((n) => n < 64) };
      },
    }),
  },
  {
    what: 'uploads once what occurs twice',
    test: TWICE,
    backend: (plain) => ({ upload: (tensors) => again(tensors, (all) => plain.upload(all)) }),
  },
  {
    what: 'clones once what occurs twice',
    test: TWICE,
    backend: (plain) => ({ clone: (tensors) => again(tensors, (all) => plain.clone(all)) }),
  },
  {
    what: 'downloads once what occurs twice',
    test: TWICE,
    backend: (plain) => ({ download: (tensors) => plain.download(once(tensors)) }),
  },
  {
    what: 'looks once at what occurs twice',
    test: TWICE,
    backend: (plain) => ({ allFinite: (tensors) => plain.allFinite(once(tensors)) }),
  },
  {
    what: 'casts once what occurs twice',
    test: TWICE,
    backend: (plain) => ({
      cast: (tensors, dtypes) => again(tensors, (all) => plain.cast(all, dtypes)),
    }),
  },
  {
    what: 'lets two parameters that are given one tensor share an array',
    test: TWICE,
    harness: () => {
      const arrays = new Map<HostTensor, HostTensor>();
      return {
        parameter(name, tensor) {
          let { get, ...rest } = ownArrayParameter(name, tensor);
          return {
            ...rest,
            get: () => get(),
            set(next) {
              const own = get();
              const known = arrays.get(next) ?? own;
              arrays.set(next, known);
              known.data.set(next.data as never);
              get = () => known;
            },
          };
        },
      };
    },
  },
];

type Plain = Parameters<NonNullable<Broken['backend']>>[0];
