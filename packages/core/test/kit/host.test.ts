// Host arrays: what is finite, what their mean is, and what does not fit.
import {
  addToMean,
  allFinite,
  finishMean,
  halfBits,
  requireFit,
  specDifferences,
  startMean,
} from '@polyak/core/kit';
import type { DType, HostArray, TensorSpec } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';

describe('allFinite', () => {
  it.each([
    ['float32', Float32Array.of(1, 3.4e38, -0)],
    ['float64', Float64Array.of(1, 1.7e308)],
    ['float16', Uint16Array.of(halfBits('float16', -65504), 0)],
    ['bfloat16', Uint16Array.of(halfBits('bfloat16', -3e38), 1)],
    ['uint16', Uint16Array.of(0x7c00)],
    ['float32', new Float32Array(0)],
  ] as [DType, HostArray][])('is true of finite %s', (dtype, data) => {
    expect(allFinite(dtype, data)).toBe(true);
  });

  it.each([
    ['float32', Float32Array.of(1, -Infinity)],
    ['float64', Float64Array.of(NaN, 1)],
    ['float16', Uint16Array.of(0, 0xfc00)],
    ['bfloat16', Uint16Array.of(0xff80, 0)],
    ['bfloat16', Uint16Array.of(0x7fc0)],
  ] as [DType, HostArray][])('is false of %s with an infinity or NaN', (dtype, data) => {
    expect(allFinite(dtype, data)).toBe(false);
  });
});

describe('a mean on the host', () => {
  it('is rounded once to the dtype of the tensors', () => {
    const spec = { dtype: 'float16', shape: [2] } as const;
    const tensors = [
      [1, 2],
      [4, 2],
      [4, 5],
    ].map((values) => ({
      ...spec,
      data: Uint16Array.from(values, (value) => halfBits('float16', value)),
    }));
    const [first, ...others] = tensors;
    if (first === undefined) throw new Error('no tensor');
    const mean = startMean(first);
    others.forEach((tensor, n) => expect(addToMean(mean, tensor, 1 / (n + 2))).toBe(true));
    expect(finishMean(mean)).toEqual({
      ...spec,
      data: Uint16Array.of(halfBits('float16', 3), halfBits('float16', 3)),
    });
  });

  it.each([0.25, 0.5, 0.75, 1 - 2 ** -53, 1])(
    'does not overflow between the largest numbers, share %d',
    (share) => {
      const largest = Number.MAX_VALUE;
      const [from, towards] = [
        [largest, -largest, largest, 3.5 * 2 ** 971],
        [-largest, largest, largest, largest],
      ];
      const tensor = (values: readonly number[] = []) =>
        ({ dtype: 'float64', shape: [4], data: Float64Array.from(values) }) as const;
      const mean = startMean(tensor(from));
      expect(addToMean(mean, tensor(towards), share)).toBe(true);
      finishMean(mean).data.forEach((value, n) => {
        const expected = (1 - share) * (from?.[n] ?? 0) + share * (towards?.[n] ?? 0);
        expect(Math.abs(Number(value) - expected)).toBeLessThan(largest * 2 ** -51);
      });
    },
  );

  it('keeps equal infinities and refuses others', () => {
    const tensor = (...values: readonly number[]) =>
      ({ dtype: 'float64', shape: [2], data: Float64Array.from(values) }) as const;
    const mean = startMean(tensor(-Infinity, 1));
    expect(addToMean(mean, tensor(-Infinity, 2), 0.5)).toBe(true);
    expect([...finishMean(mean).data]).toEqual([-Infinity, 1.5]);
    expect(addToMean(mean, tensor(1, 2), 0.5)).toBe(false);
    expect(addToMean(startMean(tensor(1, 1)), tensor(NaN, 1), 0.5)).toBe(false);
  });
});

describe('what does not fit', () => {
  const found = new Map<string, TensorSpec>([
    ['a', { dtype: 'float32', shape: [2] }],
    ['c', { dtype: 'float32', shape: [1] }],
    ['d', { dtype: 'float32', shape: [] }],
  ]);
  const expected = new Map<string, TensorSpec>([
    ['a', { dtype: 'float64', shape: [2] }],
    ['b', { dtype: 'int32', shape: [] }],
    ['c', { dtype: 'float32', shape: [1] }],
  ]);

  it('is told with every difference', () => {
    const differences = specDifferences(found, expected, { found: 'it', expected: 'the model' });
    const misfit = { code: 'ERR_STATE', call: 'load', what: 'the state', remedy: 'Save it again.' };
    expect(() => requireFit(differences, misfit as Parameters<typeof requireFit>[1])).toThrow(
      'load: the state does not fit: it lacks "b"; "a" is float32[2], expected float64[2]; ' +
        'the model has no "d". Save it again.',
    );
  });

  it('is nothing where all is alike', () => {
    const none = specDifferences(expected, expected, { found: 'it', expected: 'the model' });
    expect(none).toEqual([]);
    requireFit(none, { code: 'ERR_STATE', call: 'load', what: 'the state' });
  });
});

it('a hundred differences are listed, and how many more there are', () => {
  const differences = Array.from({ length: 80_000 }, (_, n) => `it lacks "${n}"`);
  const refuse = () => requireFit(differences, { code: 'ERR_STATE', call: 'load', what: 'it' });
  expect(refuse).toThrow(/it lacks "99"; and 79900 differences more\.$/);
});
