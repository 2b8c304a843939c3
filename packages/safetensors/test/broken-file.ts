// Safetensors files that are wrong on purpose, and a few that are right by chance.
import * as fc from 'fast-check';
import { encodeSafetensors } from '@polyak/safetensors';
import { DTYPES, tensorOfBytes } from '../../../tests/support/arbitrary-tensor.js';

/** A file whose header is `header`, whatever it says. */
export function fileOf(
  header: string | Uint8Array,
  data: ArrayLike<number> = [],
  length?: bigint,
): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** A file with a tensor of every dtype, a scalar, an empty tensor and metadata. */
export const sample: Uint8Array = encodeSafetensors(
  {
    ...Object.fromEntries(
      DTYPES.map((dtype) => [dtype, tensorOfBytes(dtype, [3], [...Array(24).keys()])]),
    ),
    scalar: tensorOfBytes('float64', [], [1, 2, 3, 4, 5, 6, 7, 8]),
    empty: tensorOfBytes('int32', [2, 0], []),
  },
  { by: 'ü' },
);

const PIECES = [
  '0',
  '1',
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
];
const anyPiece = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  fc.constantFrom(...PIECES).map((text) => new TextEncoder().encode(text)),
);

/** {@link sample} with a range replaced, and with the header's length mended or not. */
const anyReplacement = fc
  .tuple(fc.nat(sample.length), fc.nat(24), anyPiece, fc.boolean())
  .map(([at, length, piece, isMended]) => {
    const bytes = Uint8Array.from([
      ...sample.subarray(0, at),
      ...piece,
      ...sample.subarray(at + length),
    ]);
    if (!isMended || at < 8) return bytes;
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, view.getBigUint64(0, true) + BigInt(piece.length - length), true);
    return bytes;
  });

/** {@link sample} with some bytes changed. */
const anyChange = fc
  .array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
  .map((changes) => {
    const bytes = Uint8Array.from(sample);
    for (const [at, byte] of changes) bytes[at] = byte;
    return bytes;
  });

const anyNumber = fc.oneof(
  { weight: 4, arbitrary: fc.nat(4) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 32, 2 ** 50, 2 ** 53, 1e308, '4', null),
  },
);
const anyInfo = fc.record({
  dtype: fc.constantFrom('U8', 'U8', 'U8', 'BOOL', 'U16', 'F64', 'F8_E5M2', 8),
  shape: fc.array(anyNumber, { maxLength: 2 }),
  data_offsets: fc.array(anyNumber, { minLength: 2, maxLength: 3 }),
});
const anyMember = fc.oneof(
  { weight: 6, arbitrary: anyInfo },
  { weight: 1, arbitrary: fc.jsonValue() },
);

/** Any header over any few bytes of data. */
const anyHeader = fc
  .tuple(
    fc.dictionary(fc.constantFrom('a', 'b', '__metadata__', '__proto__'), anyMember, {
      maxKeys: 2,
    }),
    fc.uint8Array({ maxLength: 4, max: 2 }),
  )
  .map(([header, data]) => fileOf(JSON.stringify(header), data));

/** Mostly broken files, of all these kinds. */
export const anyBrokenFile: fc.Arbitrary<Uint8Array> = fc.oneof(
  anyReplacement,
  anyChange,
  anyHeader,
);
