// The checksum of both engines against its definition.
import { describe, expect, it } from 'vitest';
import { ENGINES, random } from './engines.js';

const SUM = 64;
const BYTES = 65_536;

const splitmix = (n: bigint): bigint => {
  let z = BigInt.asUintN(64, (n + 1n) * 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
};
const KEYS = [0n, 1n, 2n].map((c) =>
  Array.from({ length: 2048 }, (_, i) => {
    const four = splitmix(2n ** 63n + 512n * c + BigInt(i >> 2));
    return BigInt.asIntN(16, four >> BigInt(16 * (i % 4)));
  }),
);

/** The checksum by its definition, in integers of any size. */
function checksumOf(bytes: Uint8Array, position: number): readonly number[] {
  const first = Math.floor(position / 4096);
  const offset = position % 4096;
  const file = new Uint8Array(Math.ceil((offset + bytes.length) / 4096) * 4096);
  file.set(bytes, offset);
  const numbers = new Int16Array(file.buffer);
  return KEYS.map((keys, c) => {
    let sum = 0n;
    for (let b = 0; 2048 * b < numbers.length; b += 1) {
      const factor = splitmix(BigInt(3 * (first + b) + c)) | 1n;
      for (const [i, key] of keys.entries()) {
        sum += BigInt(numbers[2048 * b + i] as number) * key * factor;
      }
    }
    return Number(BigInt.asIntN(32, sum));
  });
}

describe.each(ENGINES)('the sums in %s', (_, Sums) => {
  it('compute the checksum of every number of bytes, from any address, at any position', () => {
    const kernels = new Sums(BYTES);
    random(kernels.bytes, 5);
    for (const size of [...Array(70).keys(), 4095, 4096, 4097, 8192, 20_001]) {
      const position = [0, 1, 2, 4080, 4095, 2 ** 41 + 4091][size % 6] as number;
      const from = SUM + (size % 5);
      const bytes = kernels.bytes.subarray(from, from + size);
      expect(kernels.checksum(from, size, position)).toEqual(checksumOf(bytes, position));
    }
    // Numbers that differ in sign only, where products are largest.
    kernels.bytes.fill(0x80, SUM, SUM + 9000);
    expect(kernels.checksum(SUM, 9000, 1)).toEqual(
      checksumOf(kernels.bytes.subarray(SUM, SUM + 9000), 1),
    );
  });

  it('compute a checksum of ranges, in any order, that is the sum of theirs', () => {
    const kernels = new Sums(BYTES);
    random(kernels.bytes, 6);
    const size = 30_000;
    for (const position of [0, 7, 2 ** 33 + 1]) {
      const sum = [0, 0, 0];
      const cuts = [0, 1, 2, 5, 21, 4088, 4089, 12_001, 16_384, 29_999, size];
      for (const [i, end] of [...cuts.entries()].slice(1).toReversed()) {
        const begin = cuts[i - 1] as number;
        const part = kernels.checksum(SUM + begin, end - begin, position + begin);
        for (const [c, number] of part.entries()) sum[c] = ((sum[c] as number) + number) | 0;
      }
      expect(sum).toEqual(kernels.checksum(SUM, size, position));
    }
  });
});
