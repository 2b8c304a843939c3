// Stretches of one memory: which of them are the same, overlap, or have nothing in common.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import type { PolyakError } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { expect, it } from 'vitest';

const backend = cpuBackend();
type Stretch = readonly [number, number];

/** Parameters over the elements from `start` to `end` of one array. */
function over(all: Float32Array<ArrayBuffer>, stretches: readonly Stretch[]) {
  return stretches.map(([start, end], n): Parameter<HostTensor> => {
    const data = all.subarray(start, end);
    return parameter(`w${n}`, { dtype: 'float32', shape: [data.length], data });
  });
}

it.each<[string, readonly Stretch[], boolean]>([
  [
    'before, between and after',
    [
      [0, 2],
      [4, 6],
      [8, 10],
    ],
    false,
  ],
  ['over the end of the first', [[3, 5]], true],
  ['over the start of the first', [[1, 3]], true],
  ['over the end of the second', [[7, 9]], true],
  ['over the start of the second', [[5, 7]], true],
  ['within one', [[6, 7]], true],
  ['around both', [[0, 10]], true],
  [
    'free in one place, and not in another',
    [
      [0, 2],
      [7, 8],
    ],
    true,
  ],
  ['empty, within one', [[7, 7]], false],
])('while two stretches are lent, another object over stretches %s', async (_, own, isRefused) => {
  const all = Float32Array.from({ length: 10 }, (__, n) => n);
  const holder = new AveragedModel(
    over(all, [
      [6, 8],
      [2, 4],
    ]),
    { backend },
  );
  await holder.update();
  await holder.swap();
  const other = new AveragedModel(over(all, own), { backend });
  const outcome = await other.update().then(
    () => 'averaged',
    (error: PolyakError) => error.code,
  );
  expect(outcome).toBe(isRefused ? 'ERR_SWAPPED' : 'averaged');
  await holder.swap();
});

it.each<[string, object]>([
  ['an array', new Float32Array(4)],
  ['a buffer', new ArrayBuffer(4)],
  ['an object with a memory', { memory: {} }],
  ['an object with a memory and an offset', { memory: {}, byteOffset: 4 }],
  ['an object with a memory and a length', { memory: {}, byteLength: 4 }],
])('%s is an identity like any other object', async (_, identity) => {
  const all = Float32Array.of(1, 2);
  const parameters = over(all, [
    [0, 2],
    [0, 2],
  ]).map((right) => ({ ...right, identity }));
  const model = new AveragedModel(parameters, { backend });
  await model.update();
  expect(Object.keys((await model.stateDict()).averages['swa']?.swaState ?? {})).toEqual(['w0']);
});

it.each<[string, readonly Stretch[]]>([
  [
    'the same start',
    [
      [0, 4],
      [0, 2],
    ],
  ],
  [
    'the same end',
    [
      [0, 4],
      [2, 4],
    ],
  ],
  [
    'neither',
    [
      [0, 4],
      [3, 6],
    ],
  ],
  [
    'one inside the other, listed apart',
    [
      [4, 9],
      [0, 2],
      [5, 6],
    ],
  ],
])('stretches that overlap, with %s, are no parameters of one object', (_, stretches) => {
  const all = new Float32Array(10);
  expect(() => new AveragedModel(over(all, stretches), { backend })).toThrow('memory');
});
