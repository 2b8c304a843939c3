// Bytes that were right before they were damaged.
import * as fc from 'fast-check';

type Damage = (bytes: Uint8Array) => Uint8Array;

const anyPlace = fc.double({ min: 0, max: 1, noNaN: true });

/** One change: bytes overwritten, put in, cut out or doubled, or the end cut off. */
const anyDamage: fc.Arbitrary<Damage> = fc
  .record({
    kind: fc.constantFrom(...Array<'set'>(9).fill('set'), 'put', 'cut', 'double', 'end'),
    at: anyPlace,
    length: fc.nat(16),
    put: fc.uint8Array({ minLength: 1, maxLength: 4 }),
  })
  .map(({ kind, at, length, put }) => (bytes) => {
    const begin = Math.floor(at * bytes.byteLength);
    const [before, after] = [bytes.subarray(0, begin), bytes.subarray(begin)];
    if (kind === 'end') return before;
    if (kind === 'put') return Buffer.concat([before, put, after]);
    if (kind === 'cut') return Buffer.concat([before, after.subarray(length)]);
    if (kind === 'double') return Buffer.concat([before, after.subarray(0, length), after]);
    return Buffer.concat([before, put.subarray(0, 1), after.subarray(1)]);
  });

/** Turns any bytes into damaged ones, by up to `most` changes. */
export function anyDamages(most: number): fc.Arbitrary<Damage> {
  return fc
    .array(anyDamage, { minLength: 1, maxLength: most })
    .map(
      (damages) => (bytes) => Uint8Array.from(damages.reduce((last, each) => each(last), bytes)),
    );
}
