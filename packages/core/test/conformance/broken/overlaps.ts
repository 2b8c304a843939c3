// Backends whose calls are right one after the other, and disturb each other where they overlap.
import type { Backend, HostTensor } from '@polyak/core/interfaces';
import type { PlainBackend } from '../../../../../tests/support/plain-backend.js';
import { held, swaps } from '../broken.js';
import type { Broken } from '../broken.js';

const UPDATES = 'makes updates that overlap as it makes each alone';
const TENSORS = 'uploads, reads, copies and frees in calls that overlap as in each alone';
const SWAPS = 'swaps other parameters while a swap waits for a set';
const METHODS = 'runs each method while calls of the others go on';

type Method =
  'upload' | 'download' | 'clone' | 'cast' | 'allFinite' | 'average' | 'swap' | 'dispose';
type Call = (...given: unknown[]) => unknown;

/** Keeps the arguments of a method where the next call finds its own, and reads them later. */
function keepingArguments(method: Method): NonNullable<Broken['backend']> {
  return (plain) => {
    let pending: unknown[] = [];
    return asynchronous(method, async (...given) => {
      pending = given;
      await ticks();
      return (plain[method] as Call)(...pending);
    });
  };
}

/** Keeps the result of a method where the next call puts its own, and returns it later. */
function keepingResults(method: Method): NonNullable<Broken['backend']> {
  return (plain) => {
    let result: unknown;
    return asynchronous(method, async (...given) => {
      result = (plain[method] as Call)(...given);
      await ticks();
      return result;
    });
  };
}

function asynchronous(method: Method, call: Call): Partial<Backend<HostTensor>> {
  return { isSynchronous: false, [method]: call };
}

/** Says of each item of an update what is so of the latest. */
function sayingOfEach(flag: 'isFinite' | 'hasMoved'): NonNullable<Broken['backend']> {
  return (plain) => {
    let latest: readonly boolean[] = [];
    return {
      isSynchronous: false,
      async average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        latest = made.items.map((item) => item[flag]);
        await ticks();
        return { ...made, items: made.items.map((item, n) => ({ ...item, [flag]: latest[n] })) };
      },
    };
  };
}

/** A few turns of the queue of promises. */
async function ticks(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await Promise.resolve();
}

export const brokenOverlaps: readonly Broken[] = [
  {
    what: 'averages the items of the latest call',
    test: UPDATES,
    backend: keepingArguments('average'),
  },
  {
    what: 'returns what the latest update made',
    test: UPDATES,
    backend: keepingResults('average'),
  },
  {
    what: 'allows what is not finite where the latest call allows it',
    test: UPDATES,
    backend: (plain) => {
      let latest: Parameters<PlainBackend['average']>[1];
      return {
        isSynchronous: false,
        async average(items, options) {
          latest = options;
          await ticks();
          return plain.average(items, latest);
        },
      };
    },
  },
  {
    what: 'says of each update what moved in the latest',
    test: UPDATES,
    backend: sayingOfEach('hasMoved'),
  },
  {
    what: 'says of each update what is finite in the latest',
    test: UPDATES,
    backend: sayingOfEach('isFinite'),
  },
  {
    what: 'names the items that the latest refusal names',
    test: UPDATES,
    backend: (plain) => {
      let nonFinite: readonly number[] = [];
      return {
        isSynchronous: false,
        async average(items, options) {
          const made = plain.average(items, options);
          if (made.kind === 'averaged') return made;
          nonFinite = made.nonFinite;
          await ticks();
          return { ...made, nonFinite };
        },
      };
    },
  },
  {
    what: 'throws where an update has not ended',
    test: UPDATES,
    backend: (plain) => {
      let isBusy = false;
      return {
        isSynchronous: false,
        async average(items, options) {
          if (isBusy) throw new Error('Another update has not ended.');
          isBusy = true;
          await ticks();
          isBusy = false;
          return plain.average(items, options);
        },
      };
    },
  },
  {
    what: 'averages in two scratch buffers in turn',
    test: UPDATES,
    backend: (plain) => {
      const results: ReturnType<PlainBackend['average']>[] = [];
      let calls = 0;
      return {
        isSynchronous: false,
        async average(items, options) {
          const buffer = (calls += 1) % 2;
          results[buffer] = plain.average(items, options);
          await ticks();
          return results[buffer];
        },
      };
    },
  },
  ...(['upload', 'download', 'clone', 'cast', 'allFinite', 'dispose'] as const).map((method) => ({
    what: `reads what the latest call of ${method} was given`,
    test: TENSORS,
    backend: keepingArguments(method),
  })),
  ...(['upload', 'download', 'clone', 'cast', 'allFinite'] as const).map((method) => ({
    what: `returns what the latest call of ${method} made`,
    test: TENSORS,
    backend: keepingResults(method),
  })),
  {
    what: 'downloads into one buffer for each length, without a promise',
    test: TENSORS,
    backend: (plain) => {
      const buffers = new Map<string, HostTensor['data']>();
      return {
        download: (tensors) =>
          plain.download(tensors).map((tensor, n) => {
            const key = `${n} ${tensor.dtype} ${tensor.data.length}`;
            const data = buffers.get(key) ?? tensor.data;
            data.set(tensor.data as never);
            buffers.set(key, data);
            return { ...tensor, data };
          }),
      };
    },
  },
  {
    what: 'swaps in what the latest swap was given',
    test: SWAPS,
    backend: keepingArguments('swap'),
  },
  {
    what: 'returns what the latest swap took out',
    test: SWAPS,
    backend: keepingResults('swap'),
  },
  {
    what: 'swaps nothing while another swap waits for a set',
    test: SWAPS,
    backend: (plain) => {
      let waiting = 0;
      return swaps((_, parameters, tensors) => {
        if (waiting > 0) return plain.clone(held(parameters));
        const made = plain.swap(parameters, tensors);
        if (!(made instanceof Promise)) return made;
        waiting += 1;
        return made.finally(() => {
          waiting -= 1;
        });
      })(plain);
    },
  },
  {
    what: 'averages nothing while a clone goes on',
    test: METHODS,
    backend: (plain) => {
      let pending = 0;
      return {
        isSynchronous: false,
        async clone(tensors) {
          pending += 1;
          await ticks();
          pending -= 1;
          return plain.clone(tensors);
        },
        average: (items, options) =>
          plain.average(
            items.map((item) => (pending > 0 ? { ...item, weight: 0 } : item)),
            options,
          ),
      };
    },
  },
  {
    what: 'swaps nothing while an upload goes on',
    test: METHODS,
    backend: (plain) => {
      let pending = 0;
      return {
        isSynchronous: false,
        async upload(tensors) {
          pending += 1;
          await ticks();
          pending -= 1;
          return plain.upload(tensors);
        },
        swap: (parameters, tensors) =>
          pending > 0 ? plain.clone(held(parameters)) : plain.swap(parameters, tensors),
      };
    },
  },
];
