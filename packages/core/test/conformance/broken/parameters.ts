// Parameters that say the wrong thing of themselves, and backends that read past them.
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { arrayOf, elementCount } from '@polyak/core/interfaces';
import { sideBySide } from '../../../../../tests/support/conformance.js';
import { plainParameter } from '../../../../../tests/support/plain-backend.js';
import { arrayParameter } from '../broken.js';
import type { Broken } from '../broken.js';

const SAME = 'gives each parameter of one place the same identity';
const DIFFERENT = 'gives different places different identities';
const ONE = 'gives a place one identity, whatever it holds';
const READS = 'reads parameters that lie in one memory, each where it lies';
const WRITES = 'writes to parameters that lie in one memory, and not beside them';

/** Parameters that are right but for their identity. */
const identities = (identityOf: (tensor: HostTensor) => object): NonNullable<Broken['harness']> =>
  function harness() {
    return {
      parameter(name, tensor) {
        const right = plainParameter(name, tensor);
        const identity = identityOf(tensor);
        return {
          name,
          get identity() {
            return identityOf === fresh ? fresh() : identity;
          },
          get: () => right.get(),
          set: (other) => right.set(other),
        };
      },
      sameParameter: ({ name, get, set }) => ({ name, identity: {}, get, set }),
    };
  };

const fresh = (): object => ({});
const CONSTANT = {};
const byShape = new Map<string, object>();

/** What lies at the begin of the memory of a view. */
function fromBegin(tensor: HostTensor): HostTensor {
  const { dtype, shape, data } = tensor;
  const memory = new (arrayOf(dtype))(data.buffer as ArrayBuffer);
  return memory.length === data.length
    ? tensor
    : { dtype, shape, data: memory.subarray(0, data.length) };
}

/** Views are places over `change` of them. */
const views =
  (
    change: (parameter: Parameter<HostTensor>, view: HostTensor) => Partial<Parameter<HostTensor>>,
  ) =>
  (): ReturnType<NonNullable<Broken['harness']>> => ({
    views: (tensors) =>
      sideBySide(tensors).map((view, n) => {
        const right = arrayParameter(`p${n}`, view);
        return { ...right, ...change(right, view) };
      }),
  });

/** The same elements column by column, as a tensor with other strides lies in memory. */
function transposed(tensor: HostTensor): HostTensor {
  const { shape, data } = tensor;
  const [rows = 1, columns = 1] = shape;
  if (elementCount(shape) !== rows * columns) return tensor;
  const byColumns = data.map((_: number | bigint, n: number) => {
    return data[(n % rows) * columns + Math.floor(n / rows)] as never;
  });
  return { ...tensor, data: byColumns };
}

export const brokenParameters: readonly Broken[] = [
  { what: 'has one identity for all', test: DIFFERENT, harness: identities(() => CONSTANT) },
  {
    what: 'has an identity for each shape',
    test: DIFFERENT,
    harness: identities(({ shape }) => {
      const known = byShape.get(shape.join()) ?? {};
      byShape.set(shape.join(), known);
      return known;
    }),
  },
  { what: 'has no identity', test: DIFFERENT, harness: identities(() => undefined as never) },
  { what: 'has a fresh identity each time', test: ONE, harness: identities(fresh) },
  {
    what: 'has the tensor that it holds as its identity',
    test: ONE,
    harness: () => ({
      parameter(name, tensor) {
        const right = plainParameter(name, tensor);
        return {
          name,
          get identity() {
            return right.get();
          },
          get: () => right.get(),
          set: (other) => right.set(other),
        };
      },
    }),
  },
  { what: 'has an identity for each parameter', test: SAME, harness: identities(() => ({})) },
  {
    what: 'ignores the offset of what it downloads',
    test: READS,
    backend: (plain) => ({ download: (tensors) => plain.download(tensors.map(fromBegin)) }),
  },
  {
    what: 'ignores the offset of what it clones',
    test: READS,
    backend: (plain) => ({ clone: (tensors) => plain.clone(tensors.map(fromBegin)) }),
  },
  {
    what: 'ignores the offset of what it looks at for NaN',
    test: READS,
    backend: (plain) => ({ allFinite: (tensors) => plain.allFinite(tensors.map(fromBegin)) }),
  },
  {
    what: 'ignores the offset of live tensors',
    test: READS,
    backend: (plain) => ({
      average: (items, options) =>
        plain.average(
          items.map((item) => ({ ...item, live: fromBegin(item.live) })),
          options,
        ),
    }),
  },
  {
    what: 'ignores strides',
    test: READS,
    harness: views((_, view) => ({ get: () => transposed(view) })),
  },
  {
    what: 'ignores the offset of what it writes to',
    test: WRITES,
    harness: views((_, view) => ({ set: ({ data }) => fromBegin(view).data.set(data as never) })),
  },
  {
    what: 'writes more than the view',
    test: WRITES,
    harness: views((right, { data }) => ({
      async set(tensor) {
        await right.set(tensor);
        new Uint8Array(data.buffer).fill(0, data.byteOffset + data.byteLength);
      },
    })),
  },
  {
    what: 'has the whole memory as the identity of a view',
    test: WRITES,
    harness: views((_, { data }) => ({ identity: data.buffer })),
  },
];
