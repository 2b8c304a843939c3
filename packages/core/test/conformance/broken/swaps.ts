// Backends whose swaps lose weights.
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { clear, held, numbers, ownArrayParameter, swaps } from '../broken.js';
import type { Broken } from '../broken.js';

const SWAPS = 'swaps bit for bit in the order of the lists, and twice is the identity';
const DISPOSED = 'swaps contents that stay when the tensors are disposed of';
const UPDATED = 'swaps contents that later updates of the tensors do not reach';
const REFUSED = 'lets every parameter hold what it held where one refuses, and leaks nothing';
const WAITS = 'waits for a set that takes its time';

/** A place that holds the tensor itself that it is given. */
function sharingParameter(name: string, tensor: HostTensor): Parameter<HostTensor> {
  let own = tensor;
  const identity = {};
  return { name, identity, get: () => own, set: (other) => void (own = other) };
}

export const brokenSwaps: readonly Broken[] = [
  {
    what: 'returns what the parameters held in reverse',
    test: SWAPS,
    backend: swaps(async (plain, parameters, tensors) =>
      (await plain.swap(parameters, tensors)).toReversed(),
    ),
  },
  {
    what: 'swaps numbers instead of bits',
    test: SWAPS,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = await plain.swap(parameters, tensors);
      for (const { data } of old) {
        if (data instanceof Float32Array) data.forEach((x, n) => (data[n] = x === x ? x + 0 : NaN));
      }
      return old;
    }),
  },
  {
    what: 'consumes the tensors',
    test: SWAPS,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = await plain.swap(parameters, tensors);
      plain.dispose(tensors);
      return old;
    }),
  },
  {
    what: 'exchanges the contents of the tensors too',
    test: SWAPS,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = await plain.swap(parameters, tensors);
      tensors.forEach(({ data }, n) => data.set(old[n]?.data as never));
      return old;
    }),
  },
  {
    what: 'sets the first parameter only',
    test: SWAPS,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = plain.clone(held(parameters));
      await parameters[0]?.set(tensors[0] as HostTensor);
      return old;
    }),
  },
  {
    what: 'returns what the parameters hold now',
    test: SWAPS,
    backend: swaps(async (plain, parameters, tensors) => {
      plain.dispose(await plain.swap(parameters, tensors));
      return plain.clone(tensors);
    }),
  },
  {
    what: 'lets the model compute with a tensor that is disposed of',
    test: DISPOSED,
    backend: (plain) => ({
      dispose(tensors) {
        plain.dispose(tensors);
        tensors.forEach(clear);
      },
    }),
    harness: () => ({ parameter: sharingParameter }),
  },
  {
    what: 'lets the model compute with an average that is written to',
    test: UPDATED,
    backend: (plain) => ({
      average(items, options) {
        const made = plain.average(items, options);
        if (made.kind === 'refused') return made;
        made.items.forEach(({ average }, n) =>
          numbers(items[n]?.average as HostTensor).set(numbers(average)),
        );
        return made;
      },
    }),
    harness: () => ({ parameter: sharingParameter }),
  },
  {
    what: 'returns what the model goes on writing to',
    test: SWAPS,
    backend: swaps(async (_, parameters, tensors) => {
      const old = held(parameters);
      for (const [n, parameter] of parameters.entries())
        await parameter.set(tensors[n] as HostTensor);
      return old;
    }),
    harness: () => ({ parameter: ownArrayParameter }),
  },
  {
    what: 'sets no parameter back where one refuses',
    test: REFUSED,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = plain.clone(held(parameters));
      try {
        for (const [n, parameter] of parameters.entries()) {
          await parameter.set(tensors[n] as HostTensor);
        }
      } catch (error) {
        plain.dispose(old);
        throw error;
      }
      return old;
    }),
  },
  {
    what: 'does not set back the parameter that refused',
    test: REFUSED,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = plain.clone(held(parameters));
      for (const [n, parameter] of parameters.entries()) {
        try {
          await parameter.set(tensors[n] as HostTensor);
        } catch (error) {
          for (const [m, before] of parameters.slice(0, n).entries()) {
            await before.set(old[m] as HostTensor);
          }
          plain.dispose(old);
          throw error;
        }
      }
      return old;
    }),
  },
  {
    what: 'leaks where a parameter refuses',
    test: REFUSED,
    backend: swaps(async (plain, parameters, tensors) => {
      const more = plain.clone(tensors.slice(0, 1));
      const old = await plain.swap(parameters, tensors);
      plain.dispose(more);
      return old;
    }),
  },
  {
    what: 'goes on where a parameter refuses',
    test: REFUSED,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = plain.clone(held(parameters));
      for (const [n, parameter] of parameters.entries()) {
        await Promise.resolve(parameter.set(tensors[n] as HostTensor)).catch(() => {});
      }
      return old;
    }),
  },
  {
    what: 'does not wait for set',
    test: WAITS,
    backend: swaps((plain, parameters, tensors) => {
      const old = plain.clone(held(parameters));
      parameters.forEach((parameter, n) => void parameter.set(tensors[n] as HostTensor));
      return old;
    }),
  },
  {
    what: 'leaks a tensor a swap',
    test: 'keeps as many tensors alive after ten swaps as after one',
    backend: swaps((plain, parameters, tensors) => {
      plain.clone(tensors.slice(0, 1));
      return plain.swap(parameters, tensors);
    }),
  },
  {
    what: 'disturbs an average by a swap',
    test: 'goes on averaging after a swap and back',
    backend: swaps(async (plain, parameters, tensors) => {
      const old = await plain.swap(parameters, tensors);
      tensors.forEach(clear);
      return old;
    }),
  },
  {
    what: 'disposes of the tensors where a parameter refuses',
    test: REFUSED,
    backend: swaps(async (plain, parameters, tensors) => {
      try {
        return await plain.swap(parameters, tensors);
      } catch (error) {
        plain.dispose(tensors);
        throw error;
      }
    }),
  },
  {
    what: 'does not wait where it sets back',
    test: WAITS,
    backend: swaps(async (plain, parameters, tensors) => {
      const old = plain.clone(held(parameters));
      try {
        for (const [n, parameter] of parameters.entries()) {
          await parameter.set(tensors[n] as HostTensor);
        }
        return old;
      } catch (error) {
        parameters.forEach((parameter, n) => void parameter.set(old[n] as HostTensor));
        throw error;
      }
    }),
  },
];
