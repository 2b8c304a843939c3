// Backends whose tensors lose elements, lives or bits, and those that say the wrong thing.
import type { DType, HostTensor } from '@polyak/core/interfaces';
import { arrayOf, isFloating } from '@polyak/core/interfaces';
import type { PlainBackend } from '../../../../../tests/support/plain-backend.js';
import type { Broken } from '../broken.js';

const KEEPS = 'keeps every element through upload and download, NaN, infinities and -0 too';
const INTEGERS = 'keeps integers that no float can hold';
const VIEWS = 'uploads what a view shows, and not its whole buffer';
const COUNTS = 'counts every tensor that it makes until it is disposed of';
const CLONES = 'clones bit for bit, and later changes of either do not reach the other';
const DECLARES = 'declares specVersion 1, a name and at least one floating dtype';
const SYNC = 'returns no promise where it declares isSynchronous';

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

export const brokenTensors: readonly Broken[] = [
  {
    what: 'lends views of new arrays that are still empty',
    test: KEEPS,
    backend: () => ({
      hostViews: (tensors) =>
        tensors.map((tensor) => ({
          ...tensor,
          data: new (arrayOf(tensor.dtype))(tensor.data.length),
        })),
    }),
  },
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
    backend: (plain: PlainBackend) => ({
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
    test: INTEGERS,
    backend: uploads(asNumbers(['int64', 'uint64'], (value) => value)),
  },
  {
    what: 'holds int32 as float32',
    test: INTEGERS,
    backend: uploads(asNumbers(['int32'], Math.fround)),
  },
  {
    what: 'holds int8 as uint8',
    test: INTEGERS,
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
    test: VIEWS,
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
    test: COUNTS,
    harness: () => ({ liveTensors: () => 0 }),
  },
  {
    what: 'disposes of the first tensor of a list only',
    test: 'keeps nothing alive that it was told to dispose of',
    backend: (plain) => ({ dispose: (tensors) => plain.dispose(tensors.slice(0, 1)) }),
  },
  {
    what: 'holds float64 as float32',
    test: KEEPS,
    backend: uploads(asNumbers(['float64'], Math.fround)),
  },
  {
    what: 'has one NaN of float64 only',
    test: KEEPS,
    backend: uploads(asNumbers(['float64'], (value) => (value === value ? value : NaN))),
  },
  {
    what: 'flattens tensors of more than four axes',
    test: KEEPS,
    backend: uploads((tensor) =>
      tensor.shape.length > 4 ? { ...tensor, shape: [tensor.data.length] } : tensor,
    ),
  },
  {
    what: 'leaves out axes of one element',
    test: KEEPS,
    backend: uploads((tensor) => ({ ...tensor, shape: tensor.shape.filter((n) => n !== 1) })),
  },
  {
    what: 'has one shape for all tensors without elements',
    test: KEEPS,
    backend: uploads((tensor) => (tensor.data.length === 0 ? { ...tensor, shape: [0] } : tensor)),
  },
  {
    what: 'downloads bytes',
    test: KEEPS,
    backend: (plain) => ({
      download: (tensors) =>
        plain.download(tensors).map((tensor) => {
          const { buffer } = tensor.data;
          return { ...tensor, data: new Uint8Array(buffer as ArrayBuffer) };
        }),
    }),
  },
  {
    what: 'clones int64 as float64',
    test: INTEGERS,
    backend: (plain) => ({
      clone: (tensors) => plain.clone(tensors.map(asNumbers(['int64'], (value) => value))),
    }),
  },
  {
    what: 'uploads the whole buffer of a view of integers',
    test: VIEWS,
    backend: uploads((tensor) => {
      const { dtype, data } = tensor;
      const whole = new (arrayOf(dtype))(data.buffer as ArrayBuffer, 0, data.length);
      return isFloating(dtype) ? tensor : { ...tensor, data: whole };
    }),
  },
  ...(['clone', 'cast', 'average', 'swap'] as const).map((method) => ({
    what: `does not count what ${method} makes`,
    test: COUNTS,
    ...uncounted(method),
  })),
  {
    what: 'empties the array that it uploads',
    test: KEEPS,
    backend: (plain) => ({
      upload(tensors) {
        const made = plain.upload(tensors);
        for (const { data } of tensors) data.fill(0 as never);
        return made;
      },
    }),
  },
];

/** Right, but for a counter that misses what a method makes. */
function uncounted(
  method: 'clone' | 'cast' | 'average' | 'swap',
): Pick<Broken, 'backend' | 'harness'> {
  const unseen = new Set<HostTensor>();
  return {
    backend: (plain) => ({
      [method]: (...given: never[]): unknown => {
        const work: (...all: never[]) => unknown = plain[method];
        const made = work(...given);
        const tensors = method === 'average' ? averagesOf(made as Made) : (made as HostTensor[]);
        for (const tensor of tensors) unseen.add(tensor);
        return made;
      },
      dispose(tensors) {
        plain.dispose(tensors);
        for (const tensor of tensors) unseen.delete(tensor);
      },
    }),
    harness: (plain) => ({ liveTensors: () => plain.memory().tensors - unseen.size }),
  };
}

type Made = ReturnType<PlainBackend['average']>;

const averagesOf = (made: Made): readonly HostTensor[] =>
  made.kind === 'averaged' ? made.items.map(({ average }) => average) : [];
