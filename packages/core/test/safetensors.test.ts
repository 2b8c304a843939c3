import fc from 'fast-check';
import { PolyakError, arrayOf, decodeSafetensors, encodeSafetensors } from '@polyak/core';
import type { HostTensor } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { DTYPES, anyName, anyTensor, canonical, tensorOfBytes } from './arbitrary-tensor.js';

const weight: HostTensor = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };

/** A file whose header is `header`, whatever it says. */
function file(header: string | Uint8Array, data: ArrayLike<number> = [], length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** What a decoder may do with hostile bytes: refuse them by the code, or give tensors no larger than the file. */
function survives(bytes: Uint8Array): boolean {
  let decoded;
  try {
    decoded = decodeSafetensors(bytes);
  } catch (error) {
    if (PolyakError.is(error) && error.code === 'ERR_SAFETENSORS' && error.message.length < 1000)
      return false;
    throw error;
  }
  const { tensors, metadata } = decoded;
  const size = Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (size > bytes.length) throw new Error(`${size} bytes of tensors out of ${bytes.length}`);
  const again = decodeSafetensors(encodeSafetensors(tensors, metadata));
  const sorted = (record: object): string[] => Object.keys(record).toSorted();
  expect(sorted(again.tensors)).toEqual(sorted(tensors));
  for (const name of Object.keys(tensors)) {
    expect(canonical(again.tensors[name] ?? null)).toBe(canonical(tensors[name] ?? null));
  }
  return true;
}

const everyDType: Readonly<Record<string, HostTensor>> = Object.fromEntries(
  DTYPES.map((dtype, index) => [
    dtype,
    tensorOfBytes(
      dtype,
      [3],
      [...'polyak averages weights'].map((_, at) => at * 7 + index),
    ),
  ]),
);
const sample = encodeSafetensors(
  { ...everyDType, scalar: { dtype: 'float64', shape: [], data: Float64Array.of(Math.PI) } },
  { by: 'ü' },
);

describe('encodeSafetensors', () => {
  it('writes the bytes of the format', () => {
    const bytes = encodeSafetensors({ weight }, { format: 'pt' });
    const header =
      '{"__metadata__":{"format":"pt"},"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    expect(Buffer.from(bytes.subarray(0, 8)).readBigUInt64LE()).toBe(96n);
    expect(Buffer.from(bytes.subarray(8, 104)).toString()).toBe(header.padEnd(96));
    expect([...bytes.subarray(104)]).toEqual([0, 0, 128, 63, 0, 0, 0, 64]);
  });

  it('writes a file without tensors', () => {
    expect(encodeSafetensors({})).toEqual(file('{}      '));
  });

  it('writes the same bytes whatever the order of the records', () => {
    const reversed = Object.fromEntries(Object.entries(everyDType).toReversed());
    expect(encodeSafetensors(reversed, { b: '2', a: '1' })).toEqual(
      encodeSafetensors(everyDType, { a: '1', b: '2' }),
    );
  });

  it('puts tensors in the order of the reference implementation, and each on a multiple of its element size', () => {
    const { tensors } = decodeSafetensors(encodeSafetensors(everyDType));
    expect(Object.keys(tensors).join(' ')).toBe(
      'uint64 int64 float64 float32 uint32 int32 bfloat16 float16 uint16 int16 int8 uint8 bool',
    );
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
    expect(encodeSafetensors({ weight: { ...weight, data } })).toEqual(encodeSafetensors({ weight }));
  });

  const wrong: [string, unknown, unknown, typeof TypeError | typeof RangeError, RegExp][] = [
    ['a tensor that is none', { w: null }, {}, TypeError, /"w" is null/],
    ['an unknown dtype', { w: { ...weight, dtype: 'float8' } }, {}, TypeError, /"w" has dtype "float8"/],
    [
      'a dtype from the prototype',
      { w: { ...weight, dtype: 'toString' } },
      {},
      TypeError,
      /"w" has dtype "toString"/,
    ],
    ['data of another dtype', { w: { ...weight, dtype: 'int32' } }, {}, TypeError, /"w".*Int32Array/],
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
    ['a negative extent', { w: { ...weight, shape: [-2] } }, {}, RangeError, /"w" has shape \[-2\]/],
    ['a negative zero', { w: { ...weight, shape: [-0] } }, {}, RangeError, /"w" has shape \["-0"\]/],
    ['a fractional extent', { w: { ...weight, shape: [0.5] } }, {}, RangeError, /"w" has shape \[0.5\]/],
    ['an extent that is NaN', { w: { ...weight, shape: [NaN] } }, {}, RangeError, /"w" has shape \["NaN"\]/],
    ['a bigint extent', { w: { ...weight, shape: [2n] } }, {}, RangeError, /"w" has shape \["2"\]/],
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
    ['half a surrogate pair in the metadata', {}, { a: '\udc00' }, RangeError, /"a" is not well-formed/],
    ['metadata that are no string', {}, { a: 1 }, TypeError, /"a" is 1, expected a string/],
    [
      'a header beyond 100 MB',
      {},
      { a: 'x'.repeat(100_000_000) },
      RangeError,
      /Keep long lists of numbers as tensors/,
    ],
  ];
  it.each(wrong)('refuses %s', (_what, tensors, metadata, kind, message) => {
    const encode = (): unknown => Reflect.apply(encodeSafetensors, undefined, [tensors, metadata]);
    expect(encode).toThrow(kind);
    expect(encode).toThrow(message);
  });
});

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
          expect(Object.entries(decoded.metadata).toSorted()).toEqual(Object.entries(metadata).toSorted());
        },
      ),
    );
  });

  it('keeps names that are hazards elsewhere as data', () => {
    const tensors = Object.fromEntries(
      ['__proto__', 'constructor', 'hasOwnProperty'].map((name) => [name, weight]),
    );
    const decoded = decodeSafetensors(encodeSafetensors(tensors, Object.fromEntries([['__proto__', 'x']])));
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
    expect(Object.values(tensors).every(({ data }) => data.buffer.byteLength === data.byteLength)).toBe(true);
  });

  it('reads shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(sample.length));
    shared.set(sample);
    expect(canonical(decodeSafetensors(shared).tensors)).toBe(canonical(decodeSafetensors(sample).tensors));
  });

  it('reads what other writers write: spaces, other orders, escapes, unpadded headers, empty tensors anywhere', () => {
    const header = `{ "\\u0062" : {"shape":[ 1 ],"data_offsets":[4, 8],"dtype":"I32"},
      "a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}, "e":{"dtype":"F64","shape":[0,9007199254740991],"data_offsets":[4,4]},
      "f":{"dtype":"F64","shape":[0],"data_offsets":[8,8]},"g":{"dtype":"F64","shape":[3,0],"data_offsets":[0,0]}} \n`;
    const { tensors, metadata } = decodeSafetensors(file(header, [1, 2, 3, 4, 5, 0, 0, 0]));
    expect(tensors).toEqual({
      b: { dtype: 'int32', shape: [1], data: Int32Array.of(5) },
      a: { dtype: 'uint8', shape: [2, 2], data: Uint8Array.of(1, 2, 3, 4) },
      e: { dtype: 'float64', shape: [0, 9007199254740991], data: new Float64Array() },
      f: { dtype: 'float64', shape: [0], data: new Float64Array() },
      g: { dtype: 'float64', shape: [3, 0], data: new Float64Array() },
    });
    expect(metadata).toEqual({});
  });

  it.each([
    new ArrayBuffer(16),
    [...sample],
    'x',
    null,
    new DataView(new ArrayBuffer(16)),
    new Uint8ClampedArray(16),
  ])('refuses %o as no Uint8Array', (bytes) => {
    expect(() => Reflect.apply(decodeSafetensors, undefined, [bytes])).toThrow(TypeError);
  });

  const w = (fields: string): string => `{"w":{${fields}}}`;
  const four = [1, 2, 3, 4];
  const hostile: [string, Uint8Array, RegExp][] = [
    ['no bytes', new Uint8Array(), /0 bytes, too few/],
    ['7 bytes', new Uint8Array(7), /7 bytes, too few/],
    ['a header of no bytes', file(''), /does not begin with "\{"/],
    ['a header longer than the file', file('{}', [], 3n), /takes 3 bytes, but 2 follow/],
    ['a header over 100 MB', file('{}', [], 100_000_001n), /100000001 bytes, the format allows 100000000/],
    ['a header of 2^64 - 1 bytes', file('{}', [], 2n ** 64n - 1n), /18446744073709551615/],
    ['a header of 2^32 + 2 bytes', file('{}', [], 2n ** 32n + 2n), /4294967298/],
    ['a header that begins with a space', file(' {}'), /does not begin/],
    ['a byte-order mark', file('\ufeff{}'), /does not begin/],
    ['a list', file('[]'), /does not begin/],
    ['invalid UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22)), /not UTF-8/],
    ['half a surrogate pair in UTF-8', file(Uint8Array.of(0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22)), /not UTF-8/],
    ['invalid JSON', file('{"w":'), /not JSON/],
    ['an open string', file('{"w'), /not JSON/],
    ['a string that ends in a backslash', file('{"w\\'), /not JSON/],
    ['a wrong escape in a name', file('{"\\x":1}'), /not JSON/],
    ['two headers', file('{}{}'), /not JSON/],
    ['a NUL for padding', file('{}\0'), /not JSON/],
    ['a tensor that is no record', file('{"w":[]}'), /"w" is \[\], expected a record/],
    ['a tensor that is null', file('{"w":null}'), /"w" is null/],
    [
      'an unknown field',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1'), four),
      /"w" is .*"x"/,
    ],
    [
      'a field __proto__',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[0,4],"__proto__":{}'), four),
      /"w" is/,
    ],
    ['no dtype', file(w('"shape":[4],"data_offsets":[0,4]'), four), /"w" has dtype undefined/],
    ['no shape', file(w('"dtype":"U8","data_offsets":[0,4]'), four), /"w" has shape undefined/],
    ['no offsets', file(w('"dtype":"U8","shape":[4]'), four), /"w" has data_offsets undefined/],
    [
      'the dtype F8_E4M3',
      file(w('"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]'), four),
      /"w" has dtype "F8_E4M3", expected one of U64, /,
    ],
    ['the dtype f32', file(w('"dtype":"f32","shape":[1],"data_offsets":[0,4]'), four), /"w" has dtype "f32"/],
    [
      'a dtype that is a list',
      file(w('"dtype":["U8"],"shape":[4],"data_offsets":[0,4]'), four),
      /"w" has dtype \["U8"\]/,
    ],
    [
      'a shape that is a number',
      file(w('"dtype":"U8","shape":4,"data_offsets":[0,4]'), four),
      /"w" has shape 4/,
    ],
    [
      'a shape of strings',
      file(w('"dtype":"U8","shape":["4"],"data_offsets":[0,4]'), four),
      /"w" has shape \["4"\]/,
    ],
    [
      'a negative extent',
      file(w('"dtype":"U8","shape":[-4],"data_offsets":[0,4]'), four),
      /"w" has shape \[-4\]/,
    ],
    [
      'two negative extents',
      file(w('"dtype":"U8","shape":[-2,-2],"data_offsets":[0,4]'), four),
      /"w" has shape/,
    ],
    ['a negative zero', file(w('"dtype":"U8","shape":[-0],"data_offsets":[0,0]')), /"w" has shape \["-0"\]/],
    [
      'a fractional extent',
      file(w('"dtype":"U8","shape":[0.5,8],"data_offsets":[0,4]'), four),
      /"w" has shape/,
    ],
    [
      'an infinite extent',
      file(w('"dtype":"U8","shape":[1e999],"data_offsets":[0,4]'), four),
      /"w" has shape \["Infinity"\]/,
    ],
    [
      'infinity times nothing',
      file(w('"dtype":"U8","shape":[1e999,0],"data_offsets":[0,0]')),
      /"w" has shape/,
    ],
    [
      'an extent of 2^53',
      file(w('"dtype":"U8","shape":[9007199254740992,0],"data_offsets":[0,0]')),
      /"w" has shape/,
    ],
    [
      '2^50 elements',
      file(w('"dtype":"F32","shape":[1125899906842624],"data_offsets":[0,4]'), four),
      /4 bytes, expected 4503599627370496/,
    ],
    [
      '2^50 elements and offsets to match',
      file(w('"dtype":"U8","shape":[1125899906842624],"data_offsets":[0,1125899906842624]'), four),
      /ends at 1125899906842624, but only 4/,
    ],
    [
      'extents that overflow',
      file(w('"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]'), four),
      /"w" has shape/,
    ],
    [
      'extents that overflow before a zero',
      file(w('"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]')),
      /"w" has shape/,
    ],
    [
      'more elements than bytes',
      file(w('"dtype":"U16","shape":[4],"data_offsets":[0,4]'), four),
      /4 bytes, expected 8 for "uint16\[4\]"/,
    ],
    [
      'one offset',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[4]'), four),
      /"w" has data_offsets \[4\]/,
    ],
    [
      'three offsets',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[0,4,4]'), four),
      /"w" has data_offsets \[0,4,4\]/,
    ],
    [
      'offsets that are a record',
      file(w('"dtype":"U8","shape":[4],"data_offsets":{"0":0,"1":4,"length":2}'), four),
      /"w" has data_offsets \{/,
    ],
    [
      'offsets as strings',
      file(w('"dtype":"U8","shape":[4],"data_offsets":["0","4"]'), four),
      /"w" has data_offsets/,
    ],
    [
      'negative offsets',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[-4,0]'), four),
      /"w" has data_offsets \[-4,0\]/,
    ],
    [
      'fractional offsets',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[0.5,4.5]'), four),
      /"w" has data_offsets/,
    ],
    [
      'offsets beyond 2^53',
      file(w('"dtype":"U8","shape":[0],"data_offsets":[1e16,1e16]')),
      /"w" has data_offsets/,
    ],
    [
      'offsets in reverse',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[4,0]'), four),
      /-4 bytes, expected 4/,
    ],
    [
      'data cut short',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[0,4]'), [1, 2, 3]),
      /"w" ends at 4, but only 3/,
    ],
    [
      'trailing bytes',
      file(w('"dtype":"U8","shape":[4],"data_offsets":[0,4]'), [...four, 5]),
      /5 bytes of data follow the header, but its tensors fill 4/,
    ],
    ['data without a tensor', file('{}', [0]), /1 bytes of data follow the header, but its tensors fill 0/],
    [
      'a gap before the first tensor',
      file(w('"dtype":"U8","shape":[3],"data_offsets":[1,4]'), four),
      /"w" leaves a gap before it: it begins at 1, expected 0/,
    ],
    [
      'a gap between tensors',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
        four,
      ),
      /"b" leaves a gap/,
    ],
    [
      'overlapping tensors',
      file(
        '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}',
        four,
      ),
      /"b" overlaps/,
    ],
    [
      'two tensors in one place',
      file(
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
        four,
      ),
      /"b" overlaps/,
    ],
    [
      'an empty tensor inside another',
      file(
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}}',
        four,
      ),
      /"b" overlaps/,
    ],
    [
      'an empty tensor behind the data',
      file(
        '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[5,5]}}',
        four,
      ),
      /"b" leaves a gap/,
    ],
    [
      'a name given twice',
      file(
        '{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}',
        four,
      ),
      /the key "w" appears twice/,
    ],
    [
      'a name given twice, once escaped',
      file(
        '{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\\u0077" : {"dtype":"I8","shape":[4],"data_offsets":[0,4]}}',
        four,
      ),
      /the key "w" appears twice/,
    ],
    [
      'a dtype given twice',
      file(w('"dtype":"U8","shape":[4],"dtype":"I8","data_offsets":[0,4]'), four),
      /the key "dtype" appears twice/,
    ],
    [
      'metadata given twice',
      file('{"__metadata__":{},"__metadata__":{}}'),
      /the key "__metadata__" appears twice/,
    ],
    ['metadata that are null', file('{"__metadata__":null}'), /__metadata__ is null/],
    ['metadata that are a list', file('{"__metadata__":["a"]}'), /__metadata__ is \["a"\]/],
    [
      'metadata that are a tensor',
      file('{"__metadata__":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', four),
      /__metadata__: "shape" is \[4\]/,
    ],
    ['a number in the metadata', file('{"__metadata__":{"a":1}}'), /__metadata__: "a" is 1/],
    [
      'half a surrogate pair in a name',
      file('{"\\ud800":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', four),
      /not well-formed/,
    ],
    ['half a surrogate pair in the metadata', file('{"__metadata__":{"a":"\\udfff"}}'), /well-formed/],
    [
      'a bool of 2',
      file(w('"dtype":"BOOL","shape":[4],"data_offsets":[0,4]'), [0, 1, 2, 0]),
      /"w" holds the bool 2/,
    ],
    ['deep nesting', file(`{"w":${'['.repeat(1e6)}${']'.repeat(1e6)}}`), /nested deeper than 3/],
    ['deep nesting without an end', file('{"w":'.repeat(1e6)), /nested deeper than 3/],
  ];
  it.each(hostile)('refuses %s', (_what, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(
      expect.objectContaining({ name: 'PolyakError', code: 'ERR_SAFETENSORS' }),
    );
    expect(() => decodeSafetensors(bytes)).toThrow(message);
    expect(survives(bytes)).toBe(false);
  });

  it('allocates nothing for the tensors of a file that it refuses', () => {
    const size = 64 * 2 ** 20;
    const header = `{"a":{"dtype":"U8","shape":[${size}],"data_offsets":[0,${size}]},"w":{"dtype":"BOOL","shape":[1],"data_offsets":[${size},${size + 1}]}}`;
    const bytes = file(header, []);
    const long = new Uint8Array(bytes.length + size + 1);
    long.set(bytes);
    long[long.length - 1] = 2;
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decodeSafetensors(long)).toThrow(/"w" holds the bool 2/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  it('refuses every truncation and every continuation of a file', () => {
    for (let length = 0; length < sample.length; length += 1)
      expect(survives(sample.subarray(0, length))).toBe(false);
    expect(survives(Uint8Array.from([...sample, 0]))).toBe(false);
    expect(survives(sample)).toBe(true);
  });

  it('refuses or reads a file with any one byte changed to any other', () => {
    const bytes = encodeSafetensors(
      {
        a: weight,
        b: { dtype: 'bool', shape: [2, 1], data: Uint8Array.of(0, 1) },
        c: { dtype: 'uint64', shape: [0], data: new BigUint64Array() },
      },
      { d: 'e' },
    );
    let read = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const original = bytes[at] ?? 0;
      for (let byte = 0; byte < 256; byte += 1) {
        bytes[at] = byte;
        if (survives(bytes)) read += 1;
      }
      bytes[at] = original;
    }
    expect(read).toBeGreaterThan(bytes.length);
  });

  it('refuses or reads a file with any range replaced', () => {
    const anyPiece = fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      fc
        .constantFrom(
          '0',
          '-1',
          '1e3',
          '1.0',
          '9007199254740993',
          '1125899906842624',
          ',',
          '"',
          '}',
          '[[',
          '"a":',
          'null',
          '\\u0061',
        )
        .map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(
        fc.nat(sample.length),
        fc.nat(24),
        anyPiece,
        fc.boolean(),
        (at, length, piece, isFitted) => {
          const bytes = Uint8Array.from([
            ...sample.subarray(0, at),
            ...piece,
            ...sample.subarray(at + length),
          ]);
          if (isFitted && at >= 8) {
            const view = new DataView(bytes.buffer);
            view.setBigUint64(0, view.getBigUint64(0, true) + BigInt(piece.length - length), true);
          }
          survives(bytes);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('refuses or reads any header over any data', () => {
    const anyNumber = fc.oneof(
      fc.nat(9),
      fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 32, 2 ** 50, 2 ** 53, 1e308, '4', null),
    );
    const anyInfo = fc.record(
      {
        dtype: fc.constantFrom('U8', 'BOOL', 'U16', 'F64', 'F8_E5M2', 8),
        shape: fc.array(anyNumber, { maxLength: 3 }),
        data_offsets: fc.array(anyNumber, { maxLength: 3 }),
      },
      { requiredKeys: [] },
    );
    const anyHeader = fc.dictionary(
      fc.constantFrom('a', 'b', '__metadata__', '__proto__'),
      fc.oneof(anyInfo, fc.jsonValue()),
    );
    fc.assert(
      fc.property(anyHeader, fc.uint8Array({ maxLength: 9 }), (header, data) => {
        survives(file(JSON.stringify(header), data));
      }),
      { numRuns: 5000 },
    );
  });

  it('reads and writes tensors of all the typed arrays', () => {
    const { tensors } = decodeSafetensors(sample);
    for (const dtype of DTYPES) expect(tensors[dtype]?.data).toBeInstanceOf(arrayOf(dtype));
  });
});
