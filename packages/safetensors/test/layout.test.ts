import * as fc from 'fast-check';
import { bytesSource, encodeSafetensors, layoutOf, openSafetensors } from '@polyak/safetensors';
import type { StoredSpec } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { anyTensor } from '../../../tests/support/arbitrary-tensor.js';

describe('layoutOf', () => {
  it('lays out what encodeSafetensors writes', () => {
    const anyName = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');
    fc.assert(
      fc.property(fc.dictionary(anyName, anyTensor), (tensors) => {
        const bytes = encodeSafetensors(tensors, { b: '1', a: '2' });
        const layout = layoutOf(new Map(Object.entries(tensors).toReversed()), { a: '2', b: '1' });
        const written = new Uint8Array(bytes.byteLength);
        written.set(layout.header);
        for (const { name, dtype, begin, end } of layout.tensors) {
          const data = tensors[name]?.data ?? new Uint8Array();
          expect(tensors[name]?.dtype).toBe(dtype);
          expect(begin % data.BYTES_PER_ELEMENT).toBe(0);
          written.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), begin);
          expect(end - begin).toBe(data.byteLength);
        }
        expect(written).toEqual(bytes);
      }),
      { seed: 1 },
    );
  });

  it('keeps the order of the specs if every element is aligned then', () => {
    const names = (specs: readonly [string, StoredSpec][]): readonly string[] =>
      layoutOf(new Map(specs), {}, { order: 'given' }).tensors.map(({ name }) => name);
    const [wide, narrow] = [
      { dtype: 'float32', shape: [2] },
      { dtype: 'float16', shape: [3] },
    ] as const;
    expect(
      names([
        ['b', wide],
        ['a', wide],
        ['c', narrow],
      ]),
    ).toEqual(['b', 'a', 'c']);
    // `b` would begin at 6 bytes.
    expect(
      names([
        ['c', narrow],
        ['b', wide],
        ['a', wide],
      ]),
    ).toEqual(['a', 'b', 'c']);
  });

  it('takes float8, and others with their length', async () => {
    const specs = new Map<string, StoredSpec>([
      ['a', { dtype: 'X3', shape: [5], byteLength: 7 }],
      ['b', { dtype: 'F4', shape: [5], byteLength: 3 }],
      ['c', { dtype: 'float8_e5m2', shape: [1] }],
      ['d', { dtype: 'float8_e4m3fn', shape: [2, 2] }],
      ['e', { dtype: 'float16', shape: [1] }],
      ['f', { dtype: 'bool', shape: [] }],
      ['g', { dtype: 'C64', shape: [1], byteLength: 8 }],
    ]);
    const { header, tensors } = layoutOf(specs);
    expect(tensors.map(({ name }) => name).join('')).toBe('gedcbfa');
    const bytes = new Uint8Array(tensors.at(-1)?.end ?? 0);
    bytes.set(header);
    const file = await openSafetensors(bytesSource(bytes));
    expect([...file.tensors.values()]).toEqual(tensors);
  });

  it.each<[string, string, StoredSpec, RegExp]>([
    ['a reserved name', '__metadata__', { dtype: 'bool', shape: [] }, /must be well-formed/],
    ['half a surrogate pair', '\ud800', { dtype: 'bool', shape: [] }, /must be well-formed/],
    ['a dtype of no format', 'w', { dtype: 'f4', shape: [], byteLength: 1 }, /has dtype "f4"/],
    ['a code of ours', 'w', { dtype: 'F32', shape: [], byteLength: 4 }, /has dtype "F32"/],
    ['a negative extent', 'w', { dtype: 'bool', shape: [-1] }, /has shape \[-1\]/],
    ['no length', 'w', { dtype: 'F4', shape: [2] }, /has byteLength undefined, expected an/],
    ['a wrong length', 'w', { dtype: 'int8', shape: [2], byteLength: 3 }, /3, expected 2/],
    ['a length of no bytes', 'w', { dtype: 'F4', shape: [], byteLength: 0.5 }, /expected an/],
  ])('refuses %s', (_what, name, spec, message) => {
    expect(() => layoutOf(new Map([[name, spec]]))).toThrow(message);
  });
});
