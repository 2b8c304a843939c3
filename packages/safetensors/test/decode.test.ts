import * as fc from 'fast-check';
import { arrayOf, decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { DTYPES, anyName, anyTensor, canonical } from '../../../tests/support/arbitrary-tensor.js';
import { fileOf, sample } from './broken-file.js';

const weight: HostTensor = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };

describe('decodeSafetensors', () => {
  it('gives back what was encoded, to the bit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyName, anyTensor)),
        fc.array(fc.tuple(anyName, fc.string({ unit: 'binary' }))),
        (pairs, strings) => {
          const tensors = Object.fromEntries(pairs);
          const metadata = Object.fromEntries(strings);
          const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata));
          expect(Object.keys(decoded.tensors).toSorted()).toEqual(Object.keys(tensors).toSorted());
          for (const [name, tensor] of Object.entries(tensors)) {
            expect(canonical(decoded.tensors[name] ?? null)).toBe(canonical(tensor));
          }
          expect(new Map(Object.entries(decoded.metadata))).toEqual(
            new Map(Object.entries(metadata)),
          );
        },
      ),
    );
  });

  it('keeps names that are hazards elsewhere as data', () => {
    const tensors = Object.fromEntries(
      ['__proto__', 'constructor', 'hasOwnProperty'].map((name) => [name, weight]),
    );
    const decoded = decodeSafetensors(
      encodeSafetensors(tensors, Object.fromEntries([['__proto__', 'x']])),
    );
    expect(Object.keys(decoded.tensors)).toEqual(['__proto__', 'constructor', 'hasOwnProperty']);
    expect(Object.getPrototypeOf(decoded.tensors)).toBe(Object.prototype);
    expect(Object.entries(decoded.metadata)).toEqual([['__proto__', 'x']]);
  });

  it.each([0, 1, 3, 8])('copies out of a view at byte %i of a larger buffer', (offset) => {
    const buffer = new Uint8Array(sample.length + 16).fill(0xff);
    buffer.set(sample, offset);
    const view = buffer.subarray(offset, offset + sample.length);
    const { tensors } = decodeSafetensors(view);
    const before = canonical(tensors);
    expect(before).toBe(canonical(decodeSafetensors(sample).tensors));
    view.fill(0);
    expect(canonical(tensors)).toBe(before);
  });

  it('copies out of a Node Buffer, whose slice does not copy', () => {
    const buffer = Buffer.from(sample);
    const { tensors } = decodeSafetensors(buffer);
    buffer.fill(0);
    expect(canonical(tensors)).toBe(canonical(decodeSafetensors(sample).tensors));
    expect(
      Object.values(tensors).every(({ data }) => data.buffer.byteLength === data.byteLength),
    ).toBe(true);
  });

  it('reads shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(sample.length));
    shared.set(sample);
    expect(canonical(decodeSafetensors(shared).tensors)).toBe(
      canonical(decodeSafetensors(sample).tensors),
    );
  });

  it('reads spaces, other orders, escapes, unpadded headers and empty tensors anywhere', () => {
    const header = `{ "\\u0062" : {"shape":[ 1 ],"data_offsets":[4, 8],"dtype":"I32"},
      "a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},
      "e":{"dtype":"F64","shape":[0,9007199254740991],"data_offsets":[4,4]},
      "f":{"dtype":"F64","shape":[0],"data_offsets":[8,8]},
      "g":{"dtype":"F64","shape":[3,0],"data_offsets":[0,0]}} \n`;
    const { tensors, metadata } = decodeSafetensors(fileOf(header, [1, 2, 3, 4, 5, 0, 0, 0]));
    expect(tensors).toEqual({
      b: { dtype: 'int32', shape: [1], data: Int32Array.of(5) },
      a: { dtype: 'uint8', shape: [2, 2], data: Uint8Array.of(1, 2, 3, 4) },
      e: { dtype: 'float64', shape: [0, 9007199254740991], data: new Float64Array() },
      f: { dtype: 'float64', shape: [0], data: new Float64Array() },
      g: { dtype: 'float64', shape: [3, 0], data: new Float64Array() },
    });
    expect(metadata).toEqual({});
  });

  it.each<[string, unknown]>([
    ['an ArrayBuffer', new ArrayBuffer(16)],
    ['a DataView', new DataView(new ArrayBuffer(16))],
    ['clamped bytes', new Uint8ClampedArray(sample)],
    ['a list', [...sample]],
    ['a string', 'x'],
    ['null', null],
  ])('refuses %s, which is no Uint8Array', (_what, bytes) => {
    expect(() => Reflect.apply(decodeSafetensors, undefined, [bytes])).toThrow(TypeError);
  });

  it('reads and writes tensors of all the typed arrays', () => {
    const { tensors } = decodeSafetensors(sample);
    for (const dtype of DTYPES) expect(tensors[dtype]?.data).toBeInstanceOf(arrayOf(dtype));
  });
});
