// Backends whose tensors lose elements, lives or bits, and those that say the wrong thing.
import type { DType, HostTensor } from '@polyak/core/interfaces';
import { arrayOf, isFloating } from '@polyak/core/interfaces';
import { plainBackend } from '../../../../tests/support/plain-backend.js';
import { numbers } from './broken.js';
import type { Broken } from './broken.js';

const KEEPS = 'keeps every element through upload and download, NaN, infinities and -0 too';
const CLONES = 'clones bit for bit, and later changes of either do not reach the other';
const DECLARES = 'declares specVersion 1, a name and at least one floating dtype';
const SYNC = 'returns no promise where it declares isSynchronous';
const ROUNDS = 'rounds float32 to half precision to nearest, ties to even';
const EVERY_HALF = 'casts every half-precision number to float32 and back';
const HALF = 'averages half-precision live tensors in float32';

type Change = (tensor: HostTensor) => HostTensor;

const uploads =
  (change: Change): NonNullable<Broken['backend']> =>
  (plain) => ({
    upload: (tensors) => plain.upload(tensors.map(change)),
  });

/** The elements of some dtypes, read and written as numbers. */
const asNumbers =
  (dtypes: readonly DType[], round: (value: number) => number): Change =>
  (tensor) => {
    if (!dtypes.includes(tensor.dtype)) return tensor;
    const data = new (arrayOf(tensor.dtype))(tensor.data.length);
    tensor.data.forEach((value: number | bigint, n: number) => {
      const rounded = round(Number(value));
      data[n] = (typeof value === 'bigint' ? BigInt(rounded) : rounded) as never;
    });
    return { ...tensor, data };
  };

/** The elements as `cast` rounds them, otherwise. */
const casts =
  (round: (value: number) => number): NonNullable<Broken['backend']> =>
  (plain) => ({
    cast: (tensors, dtypes) =>
      plain.cast(
        tensors.map((tensor) =>
          tensor.dtype === 'float32' ? { ...tensor, data: numbers(tensor).map(round) } : tensor,
        ),
        dtypes,
      ),
  });

export const brokenTensors: readonly Broken[] = [
  { what: 'has no name', test: DECLARES, backend: () => ({ name: '' }) },
  {
    what: 'declares integers only',
    test: DECLARES,
    backend: () => ({ dtypes: ['int32'] }),
  },
  {
    what: 'declares a dtype twice',
    test: DECLARES,
    backend: () => ({ dtypes: ['float32', 'float32'] }),
  },
  ...(
    ['upload', 'download', 'clone', 'allFinite', 'average', 'swap', 'dispose', 'cast'] as const
  ).map((method) => ({
    what: `returns a promise from ${method}, but calls itself synchronous`,
    test: SYNC,
    backend: (plain: ReturnType<typeof plainBackend>) => ({
      async [method](...given: never[]): Promise<unknown> {
        const work: (...all: never[]) => unknown = plain[method];
        return work(...given);
      },
    }),
  })),
  {
    what: 'refuses an update of nothing',
    test: 'takes empty lists',
    backend: (plain) => ({
      average: (items, options) =>
        items.length === 0 ? { kind: 'refused', nonFinite: [] } : plain.average(items, options),
    }),
  },
  {
    what: 'holds int64 as float64',
    test: KEEPS,
    backend: uploads(asNumbers(['int64', 'uint64'], (value) => Math.min(value, 2 ** 62))),
  },
  {
    what: 'holds int32 as float32',
    test: KEEPS,
    backend: uploads(asNumbers(['int32'], Math.fround)),
  },
  {
    what: 'holds int8 as uint8',
    test: KEEPS,
    backend: uploads(asNumbers(['int8'], (value) => Math.max(value, 0))),
  },
  { what: 'loses -0', test: KEEPS, backend: uploads(asNumbers(['float32'], (value) => value + 0)) },
  {
    what: 'loses subnormal numbers',
    test: KEEPS,
    backend: uploads(asNumbers(['float32'], (value) => (Math.abs(value) < 1e-38 ? 0 : value))),
  },
  {
    what: 'has one NaN only',
    test: KEEPS,
    backend: uploads(asNumbers(['float32'], (value) => (value === value ? value : NaN))),
  },
  {
    what: 'makes vectors of scalars',
    test: KEEPS,
    backend: uploads((tensor) => (tensor.shape.length === 0 ? { ...tensor, shape: [1] } : tensor)),
  },
  {
    what: 'flattens',
    test: KEEPS,
    backend: uploads((tensor) => ({ ...tensor, shape: [tensor.data.length] })),
  },
  {
    what: 'says the wrong shape',
    test: KEEPS,
    backend: () => ({ spec: ({ dtype, data }) => ({ dtype, shape: [data.length] }) }),
  },
  {
    what: 'uploads views',
    test: 'uploads a copy: later writes to the host array do not reach the tensor',
    backend: () => ({ upload: (tensors) => tensors }),
  },
  {
    what: 'uploads the whole buffer of a view',
    test: 'uploads what a view shows, and not its whole buffer',
    backend: uploads((tensor) => {
      const { dtype, data } = tensor;
      const whole = new (arrayOf(dtype))(data.buffer as ArrayBuffer, 0, data.length);
      return { ...tensor, data: whole };
    }),
  },
  {
    what: 'downloads views',
    test: 'downloads a copy: neither later updates nor writes to it reach the other',
    backend: () => ({ download: (tensors) => tensors }),
  },
  { what: 'clones by reference', test: CLONES, backend: () => ({ clone: (tensors) => tensors }) },
  {
    what: 'clones the first tensor for all',
    test: CLONES,
    backend: (plain) => ({
      clone: (tensors) => plain.clone(tensors.map((tensor) => tensors[0] ?? tensor)),
    }),
  },
  {
    what: 'clones an empty tensor without its shape',
    test: CLONES,
    backend: (plain) => ({
      clone: (tensors) =>
        plain.clone(
          tensors.map((each) => (each.data.length === 0 ? { ...each, shape: [] } : each)),
        ),
    }),
  },
  {
    what: 'forgets to dispose',
    test: 'keeps nothing alive that it was told to dispose of',
    backend: () => ({ dispose: () => {} }),
  },
  {
    what: 'counts no tensors',
    test: 'keeps nothing alive that it was told to dispose of',
    harness: () => ({ liveTensors: () => 0 }),
  },
  {
    what: 'disposes of the first tensor of a list only',
    test: 'keeps nothing alive that it was told to dispose of',
    backend: (plain) => ({ dispose: (tensors) => plain.dispose(tensors.slice(0, 1)) }),
  },
  { what: 'truncates', test: ROUNDS, backend: casts((value) => value * (1 - 2 ** -12)) },
  {
    what: 'rounds ties up',
    test: ROUNDS,
    backend: casts((value) => value * (1 + 2 ** -21)),
  },
  {
    what: 'saturates where float16 overflows',
    test: ROUNDS,
    backend: casts((value) => (Math.abs(value) < 1e38 ? value : Math.sign(value) * 6e4)),
  },
  {
    what: 'loses the subnormal numbers of half precision',
    test: EVERY_HALF,
    backend: (plain) => ({
      cast: (tensors, dtypes) =>
        plain
          .cast(tensors, dtypes)
          .map((made) =>
            made.dtype === 'float32'
              ? { ...made, data: numbers(made).map((x) => (Math.abs(x) < 6e-5 ? 0 : x)) }
              : made,
          ),
    }),
  },
  {
    what: 'casts a list in reverse',
    test: 'casts a list of many shapes, in its order',
    backend: (plain) => ({
      cast: (tensors, dtypes) => plain.cast(tensors, dtypes).toReversed(),
    }),
  },
  {
    what: 'leaks where it casts',
    test: 'casts a list of many shapes, in its order',
    backend: (plain) => ({
      cast(tensors, dtypes) {
        plain.clone(tensors.slice(0, 1));
        return plain.cast(tensors, dtypes);
      },
    }),
  },
  {
    what: 'averages in half precision',
    test: HALF,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        made.items.forEach(({ average }, n) => {
          if (items[n]?.live.dtype !== 'float16') return;
          const [narrow] = plainBackend().cast([average], ['float16']);
          const [wide] = plainBackend().cast(narrow === undefined ? [] : [narrow], ['float32']);
          if (wide !== undefined) numbers(average).set(numbers(wide));
        });
        return made;
      },
    }),
  },
  {
    what: 'does not look at half-precision live tensors',
    test: 'refuses half-precision live tensors that are not finite, and changes nothing',
    backend: (plain) => ({
      average(items, options) {
        const isHalf = items.some(({ live }) => live.data instanceof Uint16Array);
        return plain.average(items, isHalf ? { allowNonFinite: true } : options);
      },
    }),
  },
  {
    what: 'compares the bits of half precision with numbers',
    test: 'says of each half-precision live tensor whether it differed from its average',
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        const results = made.items.map((result, n) => {
          const { live, average } = items[n] ?? {};
          const a = Array.from(average?.data ?? [], Number);
          return { ...result, hasMoved: a.some((value, i) => value !== live?.data[i]) };
        });
        return { ...made, items: results };
      },
    }),
  },
  {
    what: 'has no compensated average of half precision',
    test: 'compensated, averages half-precision live tensors to 1e-9',
    backend: (plain) => ({
      average: (items, options) =>
        plain.average(
          items.map((item) => {
            const isNarrow = isFloating(item.live.dtype) && item.live.data instanceof Uint16Array;
            if (item.residual === undefined || !isNarrow) return item;
            numbers(item.residual).fill(0);
            return item;
          }),
          options,
        ),
    }),
  },
];
