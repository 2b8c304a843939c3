// Backends that change something where a call throws, or do not throw.
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import { spoil } from '../broken.js';
import type { Broken } from '../broken.js';

const THROWS = 'throws for an item of which a tensor was disposed of, and changes nothing';
const LIST = 'throws for a list with a tensor that was disposed of, and changes nothing';

export const brokenFailures: readonly Broken[] = [
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
          items.map((item) => ({ ...item, live: copyOf(item.live) })),
          options,
        ),
    }),
  },
  {
    what: 'averages into tensors that were disposed of',
    test: THROWS,
    backend: (plain) => ({
      average: (items, options) => plain.average(items.map(revived('average')), options),
    }),
  },
  {
    what: 'takes residuals that were disposed of',
    test: THROWS,
    backend: (plain) => ({
      average: (items, options) => plain.average(items.map(revived('residual')), options),
    }),
  },
  ...(['download', 'clone', 'allFinite'] as const).map((method) => ({
    what: `calls ${method} on what was disposed of`,
    test: LIST,
    backend: (plain: Plain) => ({
      [method]: (tensors: readonly HostTensor[]) => plain[method](tensors.map(copyOf)),
    }),
  })),
  {
    what: 'casts what was disposed of',
    test: LIST,
    backend: (plain) => ({
      cast: (tensors, dtypes) => plain.cast(tensors.map(copyOf), dtypes),
    }),
  },
  {
    what: 'leaves clones behind where clone throws',
    test: LIST,
    backend: (plain) => ({
      clone: (tensors) => tensors.flatMap((tensor) => plain.clone([tensor])),
    }),
  },
  {
    what: 'disposes of the list where download throws',
    test: LIST,
    backend: (plain) => ({
      download(tensors) {
        try {
          return plain.download(tensors);
        } catch (error) {
          plain.dispose(tensors.slice(0, 1));
          throw error;
        }
      },
    }),
  },
  {
    what: 'sets parameters before it looks at the tensors',
    test: LIST,
    backend: (plain) => ({
      async swap(parameters, tensors) {
        await parameters[0]?.set(tensors[0] as HostTensor);
        plain.download(tensors);
        return plain.swap(parameters, tensors);
      },
    }),
  },
];
type Plain = Parameters<NonNullable<Broken['backend']>>[0];

/** A tensor that the backend has not made. */
function copyOf(tensor: HostTensor): HostTensor {
  return { ...tensor, data: tensor.data.slice() };
}

/** The item with a copy of one of its tensors. */
const revived =
  (kind: 'average' | 'residual') =>
  (item: AverageItem<HostTensor>): AverageItem<HostTensor> => {
    const tensor = item[kind];
    return tensor === undefined ? item : { ...item, [kind]: copyOf(tensor) };
  };
