// The pseudo-random numbers of the checksum, by splitmix64 (Steele, Lea and Flood, 2014).
/** The bytes of a block of the checksum. */
export const CHECKSUM_BLOCK = 4096;
/** How many sums a block has, each with keys of its own. */
export const CHECKSUM_SUMS = 3;

/** The factor of a sum of a block. */
export function checksumFactor(block: number, sum: number): number {
  return Number(BigInt.asIntN(32, splitmix(BigInt(CHECKSUM_SUMS * block + sum)))) | 1;
}

/** Output `n` of splitmix64 from 0. */
function splitmix(n: bigint): bigint {
  let z = BigInt.asUintN(64, (n + 1n) * 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

let keys: Int16Array | undefined;

/** The keys: one for each 16-bit number of a block, for each of its sums. */
export function checksumKeys(): Int16Array {
  if (keys !== undefined) return keys;
  const bytes = new DataView(new ArrayBuffer(CHECKSUM_SUMS * CHECKSUM_BLOCK));
  for (let at = 0; at < bytes.byteLength; at += 8) {
    bytes.setBigUint64(at, splitmix(2n ** 63n + BigInt(at / 8)), true);
  }
  return (keys = new Int16Array(bytes.buffer));
}
