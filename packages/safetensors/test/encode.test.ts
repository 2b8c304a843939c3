import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { DTYPES, tensorOfBytes } from '../../../tests/support/arbitrary-tensor.js';
import { fileOf } from './broken-file.js';

const weight: HostTensor = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };

const everyDType: Readonly<Record<string, HostTensor>> = Object.fromEntries(
  DTYPES.map((dtype, index) => [
    dtype,
    tensorOfBytes(
      dtype,
      [3],
      [...Array(24).keys()].map((at) => at * 7 + index),
    ),
  ]),
);

const axes = (count: number): readonly number[] => Array.from({ length: count }, () => 1);
const stringsOf = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`key ${n}`, '']));

describe('encodeSafetensors', () => {
  it('writes 64 axes and 65,536 strings, which can be read', () => {
    const tensors = { w: { ...weight, shape: [2, ...axes(63)] } };
    const strings = stringsOf(65_536);
    expect(decodeSafetensors(encodeSafetensors(tensors, strings))).toEqual({
      tensors,
      metadata: strings,
    });
  });

  it('writes the bytes of the format', () => {
    const bytes = encodeSafetensors({ weight }, { format: 'pt' });
    const header =
      '{"__metadata__":{"format":"pt"},"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    expect(Buffer.from(bytes.subarray(0, 8)).readBigUInt64LE()).toBe(96n);
    expect(Buffer.from(bytes.subarray(8, 104)).toString()).toBe(header.padEnd(96));
    expect([...bytes.subarray(104)]).toEqual([0, 0, 128, 63, 0, 0, 0, 64]);
  });

  it('writes a file without tensors', () => {
    expect(encodeSafetensors({})).toEqual(fileOf('{}      '));
  });

  it('writes the same bytes whatever the order of the records', () => {
    const reversed = Object.fromEntries(Object.entries(everyDType).toReversed());
    expect(encodeSafetensors(reversed, { b: '2', a: '1' })).toEqual(
      encodeSafetensors(everyDType, { a: '1', b: '2' }),
    );
  });

  it('orders tensors as the reference does, each on a multiple of its element size', () => {
    const { tensors } = decodeSafetensors(encodeSafetensors(everyDType));
    expect(Object.keys(tensors).join(' ')).toBe(
      'uint64 int64 float64 float32 uint32 int32 bfloat16 float16 uint16 int16 int8 uint8 bool',
    );
    const byCodePoint = encodeSafetensors({
      '\u{1f600}': weight,
      '\ue000': weight,
      ab: weight,
      a: weight,
    });
    expect(Object.keys(decodeSafetensors(byCodePoint).tensors)).toEqual([
      'a',
      'ab',
      '\ue000',
      '\u{1f600}',
    ]);
    const bytes = encodeSafetensors({
      a10: weight,
      a: everyDType['bool'] ?? weight,
      '9': weight,
      b: everyDType['uint64'] ?? weight,
    });
    const header = Buffer.from(bytes.subarray(8)).toString('latin1');
    expect(header.indexOf('"b"')).toBeLessThan(header.indexOf('"9"'));
    expect(header.indexOf('"9"')).toBeLessThan(header.indexOf('"a10"'));
    expect(Number(Buffer.from(bytes).readBigUInt64LE()) % 8).toBe(0);
  });

  it('takes data that are a view into a larger buffer', () => {
    const data = new Float32Array(Float32Array.of(9, 1, 2, 9).buffer, 4, 2);
    expect(encodeSafetensors({ weight: { ...weight, data } })).toEqual(
      encodeSafetensors({ weight }),
    );
  });

  const wrong: [string, unknown, unknown, typeof TypeError | typeof RangeError, RegExp][] = [
    ['a Map', new Map([['w', weight]]), {}, TypeError, /expected an object of tensors by name/],
    ['a list', [weight], {}, TypeError, /no list/],
    ['no tensors', undefined, {}, TypeError, /expected an object/],
    ['a number', 5, {}, TypeError, /expected an object/],
    ['a tensor that is none', { w: null }, {}, TypeError, /"w" is null/],
    [
      'an unknown dtype',
      { w: { ...weight, dtype: 'float8' } },
      {},
      TypeError,
      /"w" has dtype "float8"/,
    ],
    [
      'a dtype from the prototype',
      { w: { ...weight, dtype: 'toString' } },
      {},
      TypeError,
      /"w" has dtype "toString"/,
    ],
    [
      'data of another dtype',
      { w: { ...weight, dtype: 'int32' } },
      {},
      TypeError,
      /"w".*Int32Array/,
    ],
    ['data in a list', { w: { ...weight, data: [1, 2] } }, {}, TypeError, /"w".*Float32Array/],
    [
      'data in a DataView',
      { w: { ...weight, data: new DataView(new ArrayBuffer(8)) } },
      {},
      TypeError,
      /"w".*Float32Array/,
    ],
    [
      'clamped bytes',
      { w: { dtype: 'uint8', shape: [1], data: new Uint8ClampedArray(1) } },
      {},
      TypeError,
      /Uint8Array/,
    ],
    ['a shape that is none', { w: { ...weight, shape: 2 } }, {}, TypeError, /"w" has shape 2/],
    [
      'a negative extent',
      { w: { ...weight, shape: [-2] } },
      {},
      RangeError,
      /"w" has shape \[-2\]/,
    ],
    ['a negative zero', { w: { ...weight, shape: [-0] } }, {}, RangeError, /"w" has shape \[-0\]/],
    [
      'a fractional extent',
      { w: { ...weight, shape: [0.5] } },
      {},
      RangeError,
      /"w" has shape \[0.5\]/,
    ],
    [
      'an extent that is NaN',
      { w: { ...weight, shape: [NaN] } },
      {},
      RangeError,
      /"w" has shape \[NaN\]/,
    ],
    ['a bigint extent', { w: { ...weight, shape: [2n] } }, {}, RangeError, /"w" has shape \[2\]/],
    ['a hole in a shape', { w: { ...weight, shape: Array(1) } }, {}, RangeError, /"w" has shape/],
    [
      'a product beyond 2^53',
      { w: { ...weight, shape: [2 ** 40, 2 ** 40, 0] } },
      {},
      RangeError,
      /"w" has shape/,
    ],
    [
      'too few elements',
      { w: { ...weight, shape: [3] } },
      {},
      RangeError,
      /2 elements, expected 3 for float32\[3\]/,
    ],
    [
      'too many elements',
      { w: { ...weight, shape: [] } },
      {},
      RangeError,
      /2 elements, expected 1 for float32\[\]/,
    ],
    [
      'a bool of 2',
      { w: { dtype: 'bool', shape: [1], data: Uint8Array.of(2) } },
      {},
      RangeError,
      /"w" holds bools/,
    ],
    ['the reserved name', { ['__metadata__']: weight }, {}, RangeError, /"__metadata__"/],
    ['half a surrogate pair in a name', { 'a\ud800': weight }, {}, RangeError, /well-formed/],
    [
      'half a surrogate pair in the metadata',
      {},
      { a: '\udc00' },
      RangeError,
      /"a" is not well-formed/,
    ],
    [
      '65 axes',
      { w: { ...weight, shape: [2, ...axes(64)] } },
      {},
      RangeError,
      /expected at most 64 integers/,
    ],
    ['65,537 strings', {}, stringsOf(65_537), RangeError, /65537 strings, expected at most 65536/],
    ['metadata that are no string', {}, { a: 1 }, TypeError, /"a" is 1, expected a string/],
  ];
  it.each(wrong)('refuses %s', (_what, tensors, metadata, kind, message) => {
    const encode = (): unknown => Reflect.apply(encodeSafetensors, undefined, [tensors, metadata]);
    expect(encode).toThrow(kind);
    expect(encode).toThrow(message);
  });

  it('refuses a header beyond 100 MB', () => {
    const metadata = { a: 'x'.repeat(100_000_000) };
    expect(() => encodeSafetensors({}, metadata)).toThrow(
      new RangeError(
        'encodeSafetensors: the header takes 100000025 bytes, the format allows 100000000. Keep ' +
          'long lists of numbers as tensors.',
      ),
    );
  });
});
