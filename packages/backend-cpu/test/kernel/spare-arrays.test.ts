// Old averages become new ones, and nothing is kept for long that nobody needs.
import { expect, it } from 'vitest';
import type { HostArray } from '@polyak/core/interfaces';
import { PLAIN, SpareArrays } from '#kernel/spare-arrays.js';

function counted(): { readonly arrays: SpareArrays; readonly freed: HostArray[] } {
  const freed: HostArray[] = [];
  const free = (data: HostArray): number => freed.push(data);
  return { arrays: new SpareArrays({ ...PLAIN, free }), freed };
}

it('takes what was kept, by type and length', () => {
  const { arrays } = counted();
  const models = [new Float32Array(2), new Float64Array(2), new Float32Array(3)];
  const first = arrays.take(models);
  arrays.keep(first);
  const second = arrays.take(models.toReversed());
  expect(second.toReversed().every((data, index) => data === first[index])).toBe(true);
  expect(arrays.take(models.slice(0, 1))[0]).not.toBe(first[0]);
});

it('frees what it keeps once it is more than an update takes', () => {
  const { arrays, freed } = counted();
  const old = arrays.take([new Float32Array(8)]);
  arrays.keep(old);
  const others = arrays.take([new Float32Array(7)]);
  arrays.keep(others);
  expect(freed).toEqual([...old, ...others]);
});

it('frees what it keeps once less is in use', () => {
  const { arrays, freed } = counted();
  const averages = arrays.take([new Float32Array(4), new Float32Array(4)]);
  const next = arrays.take(averages);
  arrays.keep(averages);
  expect(freed).toEqual([]);
  for (const data of next) arrays.free(data);
  expect(new Set(freed)).toEqual(new Set([...averages, ...next]));
});

it('keeps as much as is in use', () => {
  const { arrays, freed } = counted();
  const used = arrays.allocate([
    { dtype: 'float32', length: 2 },
    { dtype: 'int8', length: 8 },
  ]);
  const old = arrays.take([new Float32Array(2)]);
  arrays.keep(old);
  arrays.free(used[0] as HostArray);
  expect(freed).toEqual([used[0]]);
  arrays.free(used[1] as HostArray);
  expect(freed).toEqual([...used, ...old]);
});

it('frees what it keeps as soon as less is in use', () => {
  const { arrays, freed } = counted();
  const used = arrays.allocate([
    { dtype: 'float32', length: 2 },
    { dtype: 'int8', length: 8 },
  ]);
  const old = arrays.take([new Float32Array(4)]);
  arrays.keep(old);
  arrays.free(used[0] as HostArray);
  expect(freed).toEqual([used[0], ...old]);
});

it('keeps what it found where the rest cannot be had', () => {
  const { arrays } = counted();
  const kept = arrays.take([new Float32Array(2)]);
  arrays.keep(kept);
  const impossible = { length: 2 ** 53 - 1, byteLength: 0, BYTES_PER_ELEMENT: 4 } as Float32Array;
  expect(() => arrays.take([new Float32Array(2), impossible])).toThrow(RangeError);
  expect(arrays.take([new Float32Array(2)])[0]).toBe(kept[0]);
});
