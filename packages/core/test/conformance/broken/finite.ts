// Backends that find what is finite, and do not find what is not.
import { isFloating } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { numbers, ownArrayParameter } from '../broken.js';
import type { Broken } from '../broken.js';

const FINITE = 'finds NaN and infinities wherever they are, and only there';
const ANEW = 'looks anew each time whether a tensor is finite, and only reads it';

export const brokenFinite: readonly Broken[] = [
  {
    what: 'takes what is large for an infinity',
    test: FINITE,
    backend: () => ({
      allFinite: (tensors) =>
        tensors.map(({ data }) =>
          Number.isFinite(Array.from(data, Number).reduce(addAsFloat32, 0)),
        ),
    }),
  },
  {
    what: 'never finds NaN',
    test: FINITE,
    backend: () => ({ allFinite: (tensors) => tensors.map(() => true) }),
  },
  {
    what: 'finds no NaN in a scalar',
    test: FINITE,
    backend: (plain) => ({
      allFinite: (tensors) =>
        plain.allFinite(tensors).map((is, n) => is || tensors[n]?.shape.length === 0),
    }),
  },
  {
    what: 'finds no negative infinity',
    test: FINITE,
    backend: () => ({
      allFinite: (tensors) =>
        tensors.map(({ data }) => !Array.from(data, Number).some((x) => !(x < Infinity))),
    }),
  },
  {
    what: 'says of the list whether it is finite',
    test: FINITE,
    backend: (plain) => ({
      allFinite(tensors) {
        const all = plain.allFinite(tensors).every(Boolean);
        return tensors.map(() => all);
      },
    }),
  },
  {
    what: 'looks at integers as floats',
    test: 'takes all integers for finite',
    backend: (plain) => ({
      allFinite: (tensors) =>
        plain.allFinite(tensors).map((is, n) => {
          const { dtype, data } = tensors[n] as HostTensor;
          if (isFloating(dtype) || data.BYTES_PER_ELEMENT !== 4) return is;
          return new Float32Array(data.buffer as ArrayBuffer).every(Number.isFinite);
        }),
    }),
  },
  {
    what: 'looks at each tensor once',
    test: ANEW,
    backend: (plain) => {
      const known = new WeakMap<HostTensor, boolean>();
      return {
        allFinite: (tensors) =>
          tensors.map((tensor) => {
            const found = known.get(tensor) ?? plain.allFinite([tensor])[0] === true;
            known.set(tensor, found);
            return found;
          }),
      };
    },
    harness: () => ({ parameter: ownArrayParameter }),
  },
  {
    what: 'overwrites what it looks at',
    test: ANEW,
    backend: (plain) => ({
      allFinite(tensors) {
        const found = plain.allFinite(tensors);
        for (const { data } of tensors) data.fill(0 as never);
        return found;
      },
    }),
  },
  {
    what: 'sets to zero what is not finite',
    test: ANEW,
    backend: (plain) => ({
      allFinite(tensors) {
        const found = plain.allFinite(tensors);
        for (const tensor of tensors) {
          numbers(tensor).forEach((x, n, data) => (data[n] = Number.isFinite(x) ? x : 0));
        }
        return found;
      },
    }),
  },
  {
    what: 'looks at float64 as float32',
    test: FINITE,
    backend: (plain) => ({
      allFinite: (tensors) =>
        plain.allFinite(tensors).map((is, n) => {
          const { dtype, data } = tensors[n] as HostTensor;
          return dtype === 'float64' ? Float32Array.from(data, Number).every(Number.isFinite) : is;
        }),
    }),
  },
];

function addAsFloat32(sum: number, value: number): number {
  return Math.fround(sum + value);
}
