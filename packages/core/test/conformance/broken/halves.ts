// Backends that are wrong in half precision.
import type { HostTensor } from '@polyak/core/interfaces';
import { isFloating, isHalf } from '@polyak/core/interfaces';
import { plainBackend } from '../../../../../tests/support/plain-backend.js';
import { numbers } from '../broken.js';
import type { Broken } from '../broken.js';

const ROUNDS = 'rounds float32 to half precision to nearest, ties to even';
const EVERY_HALF = 'casts every half-precision number to float32 and back';
const NAN = 'casts NaN to NaN, whatever its bits';
const SHAPES = 'casts a list of many shapes, in its order';
const HALF = 'averages half-precision live tensors in float32';

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

/** What `cast` makes, with other bits. */
const bits =
  (change: (bits: number, from: number) => number): NonNullable<Broken['backend']> =>
  (plain) => ({
    cast: (tensors, dtypes) =>
      plain.cast(tensors, dtypes).map((made, n) => {
        const from = tensors[n] as HostTensor;
        if (!isHalf(made.dtype) || from.dtype !== 'float32') return made;
        const words = new Uint32Array(from.data.buffer as ArrayBuffer, 0, from.data.length);
        return { ...made, data: numbers(made).map((each, i) => change(each, words[i] ?? 0)) };
      }),
  });

export const brokenHalves: readonly Broken[] = [
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
        const isNarrow = items.some(({ live }) => live.data instanceof Uint16Array);
        return plain.average(items, isNarrow ? { allowNonFinite: true } : options);
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
  {
    what: 'finds no NaN in half precision',
    test: 'finds NaN and infinities among half-precision numbers, and only there',
    backend: (plain) => ({
      allFinite: (tensors) =>
        plain.allFinite(tensors).map((is, n) => is || tensors[n]?.data instanceof Uint16Array),
    }),
  },
  {
    what: 'casts what is above 65,504 to infinity',
    test: ROUNDS,
    backend: casts((value) => (value > 65_504 && value < 65_520 ? Infinity : value)),
  },
  {
    what: 'casts 65,520 to 65,504',
    test: ROUNDS,
    backend: casts((value) => (value === 65_520 ? 65_504 : value)),
  },
  {
    what: 'casts NaN to infinity',
    test: NAN,
    backend: casts((value) => (Number.isNaN(value) ? Infinity : value)),
  },
  {
    what: 'truncates NaN to infinity',
    test: NAN,
    backend: bits((made, from) => ((from & 0x7fff_ffff) === 0x7f80_0001 ? 0x7c00 : made)),
  },
  {
    what: 'casts to the same dtype by reference',
    test: SHAPES,
    backend: (plain) => ({
      cast: (tensors, dtypes) =>
        plain
          .cast(tensors, dtypes)
          .map((made, n) => (tensors[n]?.dtype === made.dtype ? (tensors[n] ?? made) : made)),
    }),
  },
  {
    what: 'has one NaN of half precision',
    test: 'keeps every element through upload and download, NaN, infinities and -0 too',
    backend: (plain) => ({
      upload: (tensors) =>
        plain.upload(
          tensors.map((tensor) =>
            tensor.dtype === 'float16'
              ? {
                  ...tensor,
                  data: numbers(tensor).map((x) => ((x & 0x7fff) > 0x7c00 ? 0x7e00 : x)),
                }
              : tensor,
          ),
        ),
    }),
  },
  {
    what: 'averages the first 2^18 elements of half precision',
    test: 'averages every element of a large half-precision tensor',
    backend: (plain) => ({
      average(items, options) {
        const before = items.map(({ average }) => numbers(average).slice(2 ** 18));
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        made.items.forEach(({ average }, n) => {
          const rest = before[n];
          if (rest !== undefined && rest.length > 0) numbers(average).set(rest, 2 ** 18);
        });
        return made;
      },
    }),
  },
  {
    what: 'finds no NaN in a scalar of half precision',
    test: 'finds NaN and infinities among half-precision numbers, and only there',
    backend: (plain) => ({
      allFinite: (tensors) =>
        plain.allFinite(tensors).map((is, n) => {
          const tensor = tensors[n] as HostTensor;
          return is || (isHalf(tensor.dtype) && tensor.shape.length === 0);
        }),
    }),
  },
  {
    what: 'flattens averages of half precision of more than four axes',
    test: HALF,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        const results = made.items.map((result, n) => {
          const { average } = result;
          const { live } = items[n] as (typeof items)[0];
          if (!isHalf(live.dtype) || live.shape.length < 5) return result;
          return { ...result, average: { ...average, shape: [average.data.length] } };
        });
        return { ...made, items: results };
      },
    }),
  },
];
