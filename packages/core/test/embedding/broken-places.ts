// Embeddings whose parameters are wrong.
import { parameter } from '@polyak/backend-cpu';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import type { Broken, Embedding } from './broken.js';
import { Network, parametersOf, tensorOf } from './network.js';
import type { Layer } from './network.js';

/** The embedding that is right, one of whose parameters is changed. */
function changed(
  name: Layer,
  change: (right: Parameter<HostTensor>, network: Network) => Partial<Parameter<HostTensor>>,
): Embedding {
  const network = new Network();
  const parameters = parametersOf(network).map((right) =>
    right.name === name ? { ...right, ...change(right, network) } : right,
  );
  return { parameters, predict: () => network.predict(), held: () => network.weights };
}

function float32(name: string, data: Float32Array): Parameter<HostTensor> {
  return parameter(name, { dtype: 'float32', shape: [data.length], data });
}

/** A model of three numbers in one memory. */
function shared(ranges: Readonly<Record<string, readonly [number, number]>>): Embedding {
  const data = Float32Array.of(1, 2, 3);
  const parameters = Object.entries(ranges).map(([name, [start, end]]) => {
    const { get, set } = float32(name, data.subarray(start, end));
    return { name, identity: {}, get, set };
  });
  return { parameters, predict: () => [...data], held: () => [...data] };
}

export const brokenPlaces: readonly Broken[] = [
  {
    what: 'whose set does nothing',
    message: 'after set, get of "hidden.bias" returns other values',
    make: () => changed('hidden.bias', () => ({ set: () => {} })),
  },
  {
    what: 'whose get returns the weights of the beginning',
    message: 'after set, get of "output.weight" returns other values',
    make: () =>
      changed('output.weight', ({ get }) => {
        const first = get();
        return { get: () => first };
      }),
  },
  {
    what: 'whose set transposes',
    message: 'after set, get of "output.weight" returns other values',
    isLossy: true,
    make: () =>
      changed('output.weight', ({ get, set }) => ({
        get,
        set: ({ data }) => set(tensorOf(Array.from(data as Float64Array).toReversed())),
      })),
  },
  {
    what: 'whose get rounds to float32',
    message: 'setting "hidden.bias" to what its get returns changes the output of predict',
    isLossy: true,
    make: () =>
      changed('hidden.bias', (_, network) => ({
        get: () => {
          const data = Float32Array.from(network.weights['hidden.bias']);
          return { dtype: 'float32', shape: [3], data };
        },
      })),
  },
  {
    what: 'whose set also resets another weight',
    message: 'setting "hidden.weight" to what its get returns changes the output of predict',
    make: () =>
      changed('hidden.weight', ({ set }, network) => ({
        set: (tensor) => {
          network.weights['output.bias'] = [0, 0];
          return set(tensor);
        },
      })),
  },
  {
    what: 'whose get changes the shape',
    message: '"hidden.bias" is float64[1,3], and was float64[3] before',
    make: () =>
      changed('hidden.bias', ({ get, set }) => {
        let isSet = false;
        return {
          get: () => (isSet ? { ...get(), shape: [1, 3] } : get()),
          set: (tensor) => {
            isSet = true;
            return set(tensor);
          },
        };
      }),
  },
  {
    what: 'whose set fails',
    message: 'set of "hidden.bias" fails (swap: a parameter could not be set (Error: frozen)',
    make: () =>
      changed('hidden.bias', () => ({
        set: () => {
          throw new Error('frozen');
        },
      })),
  },
  {
    what: 'whose set keeps the array that it is given',
    message: 'set of "w" keeps the tensor that it is given, whose owner may dispose of it',
    make: () => {
      let held: HostTensor = tensorOf([1, 2]);
      const w: Parameter<HostTensor> = {
        name: 'w',
        identity: {},
        get: () => held,
        set: (tensor) => {
          held = tensor;
        },
      };
      const values = (): number[] => Array.from(held.data, Number);
      return { parameters: [w], predict: values, held: values };
    },
    // The model computes with the last tensor that it was given, which is therefore kept.
    isLossy: true,
  },
  {
    what: 'whose set disposes of the tensor that it is given',
    message: 'set of "hidden.bias" disposes of the tensor that it is given',
    make: (backend) =>
      changed('hidden.bias', ({ set }) => ({
        set: (tensor) => {
          void set(tensor);
          backend.dispose([tensor]);
        },
      })),
  },
  {
    what: 'whose set writes into the tensor that it is given',
    message: 'set of "output.bias" changes the tensor that it is given',
    make: () =>
      changed('output.bias', ({ set }) => ({
        set: (tensor) => {
          void set(tensor);
          (tensor.data as Float64Array).reverse();
        },
      })),
  },
  {
    what: 'whose weights someone has disposed of',
    message: 'get of "gone" returns no tensor that can be read (download: this float32[2] was',
    make: (backend) => {
      const upload = backend.upload([{ dtype: 'float32', shape: [2], data: new Float32Array(2) }]);
      const tensor = upload[0] as HostTensor;
      backend.dispose(upload);
      const gone = { name: 'gone', identity: {}, get: () => tensor, set: () => {} };
      return { parameters: [gone], predict: () => [1], held: () => 0 };
    },
  },
  {
    what: 'whose get fails, where the parameters come from a function',
    message: 'get of "output.weight" returns no tensor that can be read (freed)',
    make: () => {
      const network = new Network();
      const get = (): HostTensor => {
        throw new ReferenceError('freed');
      };
      return {
        parameters: () =>
          parametersOf(network).map((right) =>
            right.name === 'output.weight' ? { ...right, get } : right,
          ),
        predict: () => network.predict(),
        held: () => network.weights,
      };
    },
  },
  {
    what: 'whose get fails',
    message: 'get of "hidden.bias" returns no tensor that can be read (freed)',
    make: () =>
      changed('hidden.bias', () => ({
        get: () => {
          throw new ReferenceError('freed');
        },
      })),
  },
  {
    what: 'whose get drops the last extent of the shape',
    message: '"w" is float32[2], and was float32[2,1] before',
    make: () => {
      const data = Float32Array.of(1, 2);
      const right = parameter('w', { dtype: 'float32', shape: [2, 1], data });
      let isSet = false;
      const w: Parameter<HostTensor> = {
        ...right,
        get: () => (isSet ? { ...right.get(), shape: [2] } : right.get()),
        set: (tensor) => {
          isSet = true;
          return right.set(tensor);
        },
      };
      return { parameters: [w], predict: () => [...data], held: () => [...data] };
    },
  },
  ...[Int32Array.of(3, 4), BigInt64Array.of(3n, 4n)].map((data): Broken => {
    const dtype = data instanceof Int32Array ? 'int32' : 'int64';
    return {
      what: `whose set of ${dtype} does nothing`,
      message: 'after set, get of "steps" returns other values',
      make: () => {
        const network = new Network();
        const steps = { ...parameter('steps', { dtype, shape: [2], data }), set: () => {} };
        return {
          parameters: [...parametersOf(network), steps],
          predict: () => network.predict(),
          held: () => network.weights,
        };
      },
    };
  }),
  {
    what: 'of which two parameters share a part of a memory, and do not say so',
    message: 'set of "b" changes "a"',
    make: () => shared({ a: [0, 2], b: [1, 3] }),
  },
  {
    what: 'of which all parameters but the first share a part of a memory',
    message: 'set of "c" changes "b"',
    make: () => shared({ a: [0, 1], b: [1, 3], c: [2, 3] }),
  },
  {
    what: 'of which two parameters are the same weights, and do not say so',
    message: 'set of "c" changes "a"',
    make: () => shared({ a: [0, 2], b: [2, 3], c: [0, 2] }),
  },
  {
    what: 'whose parameters have the network for an identity, and other shapes',
    message: '"hidden.bias" has the identity of "hidden.weight", but is not the same weights',
    make: () => {
      const network = new Network();
      const parameters = parametersOf(network).map((right) => ({ ...right, identity: network }));
      return { parameters, predict: () => network.predict(), held: () => network.weights };
    },
  },
  {
    what: 'whose parameters have one identity, and equal values so far',
    message: '"b" has the identity of "a", but is not the same weights',
    make: () => {
      const [a, b] = [new Float32Array(2), new Float32Array(2)];
      const identity = {};
      const parameters = [
        { ...float32('a', a), identity },
        { ...float32('b', b), identity },
      ];
      return { parameters, predict: () => [...a, ...b], held: () => [...a, ...b] };
    },
  },
  {
    what: 'whose parameters have another identity each time',
    message: '"hidden.weight" has another identity than before',
    make: () => {
      const network = new Network();
      return {
        parameters: () => parametersOf(network).map((right) => ({ ...right, identity: {} })),
        predict: () => network.predict(),
        held: () => network.weights,
      };
    },
  },
  {
    what: 'of which one parameter is gone later',
    message: '"output.bias" has another identity than before',
    make: () => {
      const network = new Network();
      let count = 5;
      return {
        parameters: () => parametersOf(network).slice(0, (count -= 1)),
        predict: () => network.predict(),
        held: () => network.weights,
      };
    },
  },
  {
    what: 'whose identities are the arrays that set replaces',
    message: '"hidden.weight" has another identity than before',
    make: () => {
      const network = new Network();
      return {
        parameters: () =>
          parametersOf(network).map((right) => ({
            ...right,
            identity: network.weights[right.name as Layer],
          })),
        predict: () => network.predict(),
        held: () => network.weights,
      };
    },
  },
];
