// Files that are not well-formed safetensors files, each with what the refusal says.
import { fileOf } from './broken-file.js';

export const info = (dtype: string, shape: string, offsets: string): string =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const four = [1, 0, 1, 0];
/**
 * A file of one tensor, the pieces of whose entry are JSON, over as many of four bytes as it can
 * use.
 */
const one = (dtype: string, shape: string, offsets: string): Uint8Array =>
  fileOf(`{"w":${info(dtype, shape, offsets)}}`, four);
/** A file of several tensors of bytes over four bytes. */
const bytesAt = (
  ...tensors: readonly (readonly [name: string, begin: number, end: number])[]
): Uint8Array => {
  const members = tensors.map(
    ([name, begin, end]) => `"${name}":${info('"U8"', `[${end - begin}]`, `[${begin},${end}]`)}`,
  );
  return fileOf(`{${members.join()}}`, four);
};
export const U8 = '"U8"';

export const preambles: [string, Uint8Array, RegExp][] = [
  ['no bytes', new Uint8Array(), /0 bytes, too few/],
  ['7 bytes', new Uint8Array(7), /7 bytes, too few/],
  ['a header of no bytes', fileOf(''), /does not begin with "\{"/],
  ['a header of no bytes before a brace', fileOf('{}', [], 0n), /does not begin with "\{"/],
  ['a header longer than the file', fileOf('{}', [], 3n), /takes 3 bytes, but 2 follow/],
  [
    'a header over 100 MB',
    fileOf('{}', [], 100_000_001n),
    /100000001 bytes, the format allows 100000000/,
  ],
  ['a header of 2^32 + 2 bytes', fileOf('{}', [], 2n ** 32n + 2n), /takes 4294967298 bytes/],
  [
    'a header of 2^64 - 1 bytes',
    fileOf('{}', [], 2n ** 64n - 1n),
    /takes 18446744073709551615 bytes/,
  ],
  ['a header that begins with a space', fileOf(' {}'), /does not begin/],
  ['a byte-order mark', fileOf('\ufeff{}'), /does not begin/],
  ['a list', fileOf('[]'), /does not begin/],
  ['invalid UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22)), /not UTF-8/],
  [
    'half a surrogate pair in UTF-8',
    fileOf(Uint8Array.of(0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22)),
    /not UTF-8/,
  ],
  ['invalid JSON', fileOf('{"w":'), /not that of a safetensors file: /],
  ['an open string', fileOf('{"w'), /not that of a safetensors file: /],
  ['a string that ends in a backslash', fileOf('{"w\\'), /not that of a safetensors file: /],
  ['a wrong escape in a name', fileOf('{"\\x":1}'), /not that of a safetensors file: /],
  ['two headers', fileOf('{}{}'), /not that of a safetensors file: /],
  ['a NUL for padding', fileOf('{}\0'), /not that of a safetensors file: /],
  [
    'deep nesting',
    fileOf(`{"w":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
    /"w" is \[{80}…, expected a record/,
  ],
  ['deep nesting without an end', fileOf('{"w":'.repeat(1e6)), /"w" is .*…, expected a record/],
  ['a list in a list', fileOf('{"w":[[]]}'), /"w" is \[\[\]\], expected a record/],
  ['metadata that are null', fileOf('{"__metadata__":null}'), /__metadata__ is null/],
  [
    'metadata that are a list',
    fileOf('{"__metadata__":["a"]}'),
    /__metadata__ is \["a"\], expected a record/,
  ],
  ['metadata that are a tensor', bytesAt(['__metadata__', 0, 4]), /__metadata__: "shape" is \[4\]/],
  ['a number in the metadata', fileOf('{"__metadata__":{"a":1}}'), /__metadata__: "a" is 1/],
  [
    'metadata given twice',
    fileOf('{"__metadata__":{},"__metadata__":{}}'),
    /key "__metadata__" appears twice/,
  ],
  [
    'a metadata key given twice',
    fileOf('{"__metadata__":{"a":"","a":""}}'),
    /key "a" appears twice/,
  ],
  [
    '65,537 metadata strings',
    fileOf(`{"__metadata__":{${Array.from({ length: 65_537 }, (_, n) => `"${n}":""`).join()}}}`),
    /__metadata__ has too many strings, expected at most 65536/,
  ],
  ['metadata without an end', fileOf('{"__metadata__":{"a":""'), /expected , at character/],
  ['a comma behind the last member', fileOf('{"__metadata__":{},}'), /expected " at character 19/],
  ['a second header behind spaces', fileOf('{} {}'), /expected the end at character 3/],
  [
    'half a surrogate pair in a metadata key',
    fileOf('{"__metadata__":{"\\udfff":"a"}}'),
    /well-formed/,
  ],
  [
    'half a surrogate pair in the metadata',
    fileOf('{"__metadata__":{"a":"\\udfff"}}'),
    /well-formed/,
  ],
];

export const entries: [string, Uint8Array, RegExp][] = [
  ['a tensor that is no record', fileOf('{"w":1}'), /"w" is 1, expected a record/],
  ['a tensor that is null', fileOf('{"w":null}'), /"w" is null/],
  ['half a surrogate pair in a name', fileOf('{"\\ud800":{}}'), /not well-formed/],
  ['an unknown field', one(U8, '[4]', '[0,4],"x":1'), /"w" is .*"x"/],
  [
    'a field __proto__',
    one(U8, '[4]', '[0,4],"__proto__":{}'),
    /"\{" is not expected 1 levels deep, after .*"__proto__":\./,
  ],
  [
    'a field __proto__ without a record',
    one(U8, '[4]', '[0,4],"__proto__":1'),
    /"w" is .*"__proto__"/,
  ],
  ['no dtype', fileOf('{"w":{"shape":[4],"data_offsets":[0,4]}}', four), /"w" has dtype undefined/],
  [
    'no shape',
    fileOf('{"w":{"dtype":"U8","data_offsets":[0,4]}}', four),
    /"w" has shape undefined/,
  ],
  [
    'no offsets',
    fileOf('{"w":{"dtype":"U8","shape":[4]}}', four),
    /"w" has data_offsets undefined/,
  ],
  [
    'the dtype F8_E4M3',
    one('"F8_E4M3"', '[4]', '[0,4]'),
    /"w" has dtype "F8_E4M3", expected one of U64, /,
  ],
  ['the dtype f32', one('"f32"', '[1]', '[0,4]'), /"w" has dtype "f32"/],
  ['the dtype toString', one('"toString"', '[1]', '[0,4]'), /"w" has dtype "toString"/],
  ['a dtype that is a list', one('["U8"]', '[4]', '[0,4]'), /"w" has dtype \["U8"\]/],
  [
    'a dtype given twice',
    one('"U8","dtype":"I8"', '[4]', '[0,4]'),
    /the key "dtype" appears twice/,
  ],
  ['a shape that is a number', one(U8, '4', '[0,4]'), /"w" has shape 4/],
  ['a shape of strings', one(U8, '["4"]', '[0,4]'), /"w" has shape \["4"\]/],
  ['65 axes', one(U8, `[4${',1'.repeat(64)}]`, '[0,4]'), /"w" has shape .*at most 64 integers/],
  ['1,000 axes', one(U8, `[4${',1'.repeat(999)}]`, '[0,4]'), /"w" is .*…, expected a record/],
  ['a negative extent', one(U8, '[-4]', '[0,4]'), /"w" has shape \[-4\]/],
  ['two negative extents', one(U8, '[-2,-2]', '[0,4]'), /"w" has shape \[-2,-2\]/],
  ['a negative zero', one(U8, '[-0]', '[0,0]'), /"w" has shape \[-0\]/],
  ['a fractional extent', one(U8, '[0.5,8]', '[0,4]'), /"w" has shape \[0.5,8\]/],
  ['an extent with a point', one(U8, '[4.0]', '[0,4]'), /"w" has a number with a point/],
  ['an offset with an exponent', one(U8, '[4]', '[0,4e0]'), /"w" has a number with a point/],
  ['an infinite extent', one(U8, '[1e999]', '[0,4]'), /"w" has shape \[Infinity\]/],
  ['infinity times nothing', one(U8, '[1e999,0]', '[0,0]'), /"w" has shape \[Infinity,0\]/],
  [
    'an extent of 2^53',
    one(U8, '[9007199254740992,0]', '[0,0]'),
    /"w" has shape \[9007199254740992,0\]/,
  ],
  ['an extent of 2^53 + 1', one(U8, '[9007199254740993,0]', '[0,0]'), /"w" has shape/],
  ['extents that overflow', one(U8, '[4294967296,4294967296]', '[0,4]'), /"w" has shape/],
  [
    'extents that overflow before a zero',
    one(U8, '[4294967296,4294967296,0]', '[0,0]'),
    /"w" has shape/,
  ],
  [
    '2^50 elements',
    one('"F32"', '[1125899906842624]', '[0,4]'),
    /4 bytes, expected 4503599627370496/,
  ],
  [
    '2^50 bytes',
    one(U8, '[1125899906842624]', '[0,1125899906842624]'),
    /ends at 1125899906842624, but only 4/,
  ],
  [
    'more elements than bytes',
    one('"U16"', '[4]', '[0,4]'),
    /4 bytes, expected 8 for "uint16\[4\]"/,
  ],
  [
    'fewer elements than bytes',
    one('"U16"', '[1]', '[0,4]'),
    /4 bytes, expected 2 for "uint16\[1\]"/,
  ],
  ['one offset', one(U8, '[4]', '[4]'), /"w" has data_offsets \[4\]/],
  ['three offsets', one(U8, '[4]', '[0,4,4]'), /"w" has data_offsets \[0,4,4\]/],
  [
    'offsets that are a record',
    one(U8, '[4]', '{"0":0,"1":4,"length":2}'),
    /"\{" is not expected 1 levels deep, after .*"data_offsets":\./,
  ],
  ['offsets as strings', one(U8, '[4]', '["0","4"]'), /"w" has data_offsets \["0","4"\]/],
  ['negative offsets', one(U8, '[4]', '[-4,0]'), /"w" has data_offsets \[-4,0\]/],
  ['fractional offsets', one(U8, '[4]', '[0.5,4.5]'), /"w" has data_offsets \[0.5,4.5\]/],
  [
    'offsets beyond 2^53',
    one(U8, '[0]', '[10000000000000000,10000000000000000]'),
    /"w" has data_offsets \[1/,
  ],
  ['offsets in reverse', one(U8, '[4]', '[4,0]'), /-4 bytes, expected 4/],
  ['a bool of 2', fileOf(`{"w":${info('"BOOL"', '[1]', '[0,1]')}}`, [2]), /"w" holds the bool 2/],
];

export const layouts: [string, Uint8Array, RegExp][] = [
  ['data cut short', bytesAt(['w', 0, 5]), /"w" ends at 5, but only 4 bytes of data follow/],
  [
    'trailing bytes',
    bytesAt(['w', 0, 3]),
    /4 bytes of data follow the header, but its tensors fill 3/,
  ],
  ['data without a tensor', bytesAt(), /4 bytes of data follow the header, but its tensors fill 0/],
  [
    'a gap before all',
    bytesAt(['w', 1, 4]),
    /"w" leaves a gap before it: it begins at 1, expected 0/,
  ],
  [
    'a gap between',
    bytesAt(['a', 0, 1], ['b', 2, 4]),
    /"b" leaves a gap before it: it begins at 2, expected 1/,
  ],
  ['an overlap', bytesAt(['a', 0, 3], ['b', 2, 4]), /"b" overlaps the tensor before it/],
  [
    'an overlap out of order',
    bytesAt(['a', 2, 4], ['b', 0, 3]),
    /"a" overlaps the tensor before it/,
  ],
  ['two tensors in one place', bytesAt(['a', 0, 4], ['b', 0, 4]), /"b" overlaps/],
  ['an empty tensor inside another', bytesAt(['a', 0, 4], ['b', 2, 2]), /"b" overlaps/],
  ['an empty tensor behind the data', bytesAt(['a', 0, 4], ['b', 5, 5]), /"b" leaves a gap/],
  ['a name given twice', bytesAt(['w', 0, 2], ['w', 2, 4]), /the key "w" appears twice/],
  [
    'a name given twice, once escaped',
    bytesAt(['w', 0, 4], ['\\u0077', 0, 4]),
    /the key "w" appears twice/,
  ],
  [
    'a name given twice, once before spaces',
    bytesAt(['w', 0, 4], ['w" \t\n\r:0,"v', 0, 4]),
    /the key "w" appears twice/,
  ],
  ['an empty name given twice', bytesAt(['', 0, 2], ['', 2, 4]), /the key "" appears twice/],
];
