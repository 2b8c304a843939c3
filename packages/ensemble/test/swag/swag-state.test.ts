// States of SWAG that do not fit, by accident or by malice: refused with every difference, and
// nothing is changed.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { fromSafetensors, PolyakError, toSafetensors } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import type { StateTree } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { SWAG } from '@polyak/ensemble';
import type { SWAGState } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { canonical } from '../../../../tests/support/arbitrary-tensor.js';
import { fill, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function fresh(seed = 0, cell = weights('w', [2])): SWAG<HostTensor> {
  const steps = parameter('steps', { dtype: 'int32', shape: [], data: Int32Array.of(7) });
  return new SWAG([cell, steps], { backend, rank: 2, seed });
}

async function collected(count: number): Promise<SWAG<HostTensor>> {
  const cell = weights('w', [2]);
  const swag = fresh(0, cell);
  for (let n = 0; n < count; n += 1) {
    fill(cell, n * n);
    await swag.collect();
  }
  return swag;
}

const float64 = (...values: number[]): HostTensor => ({
  dtype: 'float64',
  shape: [values.length],
  data: Float64Array.from(values),
});

describe('the state of SWAG', () => {
  it.each([0, 1, 2, 5])('is the same bit for bit after its bytes, of %i models', async (count) => {
    const swag = await collected(count);
    const state = await swag.stateDict();
    const other = fresh(8);
    await other.loadStateDict(fromSafetensors(toSafetensors(state)));
    expect(canonical(await other.stateDict())).toBe(canonical(state));
    expect(other.nModels).toBe(count);
  });

  it('names what is in it', async () => {
    const state = await (await collected(3)).stateDict();
    expect(state).toMatchObject({
      version: 1,
      rank: 2,
      nModels: 3,
      mean: { w: float64(5 / 3, 5 / 3) },
      copies: { steps: { data: Int32Array.of(7) } },
    });
    const square = (0 + 1 + 16) / 3 - (5 / 3) ** 2;
    expect(state.variance['w']?.data[0]).toBeCloseTo(square, 14);
    expect(state.deviations.map(({ w }) => w?.data)).toEqual([
      Float32Array.of(0.5, 0.5),
      Float32Array.of(7 / 3, 7 / 3),
    ]);
  });
});

describe('loadStateDict', () => {
  it('lists every difference, and changes nothing', async () => {
    const swag = await collected(3);
    const before = await swag.stateDict();
    const other = new SWAG([weights('w', [3]), weights('v', [1])], { backend, rank: 1 });
    const refused = other.loadStateDict(before);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STATE' });
    const { message } = (await refused.catch((error: unknown) => error)) as PolyakError;
    for (const part of [
      "its rank is 2, this SWAG's 1",
      'mean: "w" is float64[2], expected float64[3]',
      'mean: it lacks "v"',
      'variance: "w" is float64[2], expected float64[3]',
      'variance: it lacks "v"',
      'it has 2 deviations, expected 1',
      'deviation 0: "w" is float32[2], expected float32[3]',
      'deviation 0: it lacks "v"',
      'copies: the model has no "steps"',
    ]) {
      expect(message).toContain(part);
    }
    expect(other.nModels).toBe(0);
  });

  const hostile: [string, (state: SWAGState) => StateTree, RegExp][] = [
    ['null', () => null, /not the state of a SWAG, version 1/],
    ['a list', () => [], /not the state of a SWAG/],
    ['a tensor', () => float64(1), /not the state of a SWAG/],
    [
      'a later version',
      (state) => ({ ...state, version: 2 }),
      /not the state of a SWAG, version 1/,
    ],
    [
      'a state of SWA',
      () => ({ version: 1, averages: {}, optState: null, paramGroups: [] }),
      /not the state of a SWAG/,
    ],
    ['a negative count', (state) => ({ ...state, nModels: -1 }), /nModels is -1/],
    ['half a model', (state) => ({ ...state, nModels: 2.5 }), /nModels is 2.5/],
    [
      'a count beyond all integers',
      (state) => ({ ...state, nModels: 2 ** 60 }),
      /nModels is 1152921504606847000/,
    ],
    ['a count in words', (state) => ({ ...state, nModels: '3' }), /nModels is "3"/],
    [
      'fewer models than it has tensors',
      (state) => ({ ...state, nModels: 0 }),
      /mean: the model has no "w"/,
    ],
    ['no mean', (state) => ({ ...state, mean: {} }), /mean: it lacks "w"/],
    ['a mean that is a number', (state) => ({ ...state, mean: 1 }), /mean: it lacks "w"/],
    [
      'a mean in float32',
      (state) => ({ ...state, mean: { w: { ...float64(1, 2), dtype: 'float32' } } }),
      /mean: "w" is float32 held in Float64Array/,
    ],
    [
      'a mean in another array than it says',
      (state) => ({ ...state, mean: { w: { ...float64(1, 2), data: Float32Array.of(1, 2) } } }),
      /mean: "w" is float64 held in Float32Array/,
    ],
    [
      'a mean that is too short',
      (state) => ({ ...state, mean: { w: { ...float64(1), shape: [2] } } }),
      /mean: "w" is float64\[2\] with 1 elements, expected 2\.$/,
    ],
    [
      'a tensor without a shape',
      (state) => ({
        ...state,
        mean: { w: { dtype: 'float64', data: Float64Array.of(1, 2) } as never },
      }),
      /mean: "w" has the shape undefined/,
    ],
    [
      'a tensor whose shape is not a list',
      (state) => ({ ...state, mean: { w: { ...float64(1, 2), shape: 2 as never } } }),
      /mean: "w" has the shape 2/,
    ],
    [
      'a mean that is not finite',
      (state) => ({ ...state, mean: { w: float64(1, NaN) } }),
      /mean: "w" holds a number that is not finite/,
    ],
    [
      'a negative variance',
      (state) => ({ ...state, variance: { w: float64(1, -1e-300) } }),
      /variance: "w" holds a number that is negative/,
    ],
    [
      'an infinite variance',
      (state) => ({ ...state, variance: { w: float64(1, Infinity) } }),
      /variance: "w" holds/,
    ],
    [
      'an infinite deviation',
      ({ deviations, ...state }) => ({
        ...state,
        deviations: [
          { w: { dtype: 'float32', shape: [2], data: Float32Array.of(1, -Infinity) } },
          deviations[1] ?? {},
        ],
      }),
      /deviation 0: "w" holds/,
    ],
    [
      'too few deviations',
      ({ deviations, ...state }) => ({ ...state, deviations: deviations.slice(1) }),
      /1 deviations, expected 2/,
    ],
    [
      'deviations that are not a list',
      (state) => ({ ...state, deviations: 3 }),
      /0 deviations, expected 2/,
    ],
    [
      'a name from the prototype',
      ({ mean, ...state }) => ({ ...state, mean: { constructor: mean['w'] as HostTensor } }),
      /mean: it lacks "w"/,
    ],
    [
      'no random numbers',
      (state) => ({ ...state, random: [] }),
      /random is \[\], expected four integers/,
    ],
    ['random numbers that end', (state) => ({ ...state, random: [0, 0, 0, 0] }), /not all 0/],
    [
      'random numbers out of range',
      (state) => ({ ...state, random: [1, 2, 3, 2 ** 32] }),
      /random is \[1,2,3,4294967296\]/,
    ],
  ];

  it.each(hostile)('refuses %s', async (_, spoil, message) => {
    const swag = await collected(3);
    const before = canonical(await swag.stateDict());
    const refused = swag.loadStateDict(spoil(await swag.stateDict()));
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STATE' });
    await expect(refused).rejects.toThrow(message);
    expect(canonical(await swag.stateDict())).toBe(before);
  });

  it('keeps a copy', async () => {
    const swag = await collected(3);
    const state = await swag.stateDict();
    const other = fresh();
    await other.loadStateDict(state);
    const before = canonical(await other.stateDict());
    for (const tensor of Object.values(recordOf(state.mean)))
      (tensor as HostTensor).data.fill(9 as never);
    expect(canonical(await other.stateDict())).toBe(before);
  });
});
