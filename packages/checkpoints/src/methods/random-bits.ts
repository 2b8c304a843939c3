// Random bits of the elements of a tensor. They are a function of the seed, the model, the tensor's
// name and the index of the element, and of nothing else: Threefry-2x32 with 20 rounds, a cipher
// made for counters.
//
// See Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3,
// https://doi.org/10.1145/2063384.2063405.

/**
 * What the random bits of a tensor's elements begin with: what encrypting its name comes to, four
 * UTF-16 code units at a time.
 *
 * @param seed - an integer in [0, 2^53)
 * @param name - the name of the tensor
 */
export function keyOf(seed: number, name: string): Uint32Array {
  const key = Uint32Array.of(seed, seed / 2 ** 32);
  encrypt(key, key, name.length, 0, 1);
  for (let i = 0; i < name.length; i += 4) {
    // Beyond the end, a code unit is NaN, whose bits are 0.
    const low = name.charCodeAt(i) | (name.charCodeAt(i + 1) << 16);
    const high = name.charCodeAt(i + 2) | (name.charCodeAt(i + 3) << 16);
    encrypt(key, key, low, high, 1);
  }
  return key;
}

/** The key of one model's tensor, from that of the tensor. */
export function keyOfModel(key: Uint32Array, model: number): Uint32Array {
  const own = new Uint32Array(2);
  encrypt(own, key, model, 0, 1);
  return own;
}

/**
 * Writes 32 random bits for each of `count` elements.
 *
 * @param key - see {@link keyOfModel}
 * @param begin - the index of the first element, even
 * @param bits - an array of an even length, at least `count`
 */
export function writeRandomBits(
  key: Uint32Array,
  begin: number,
  bits: Uint32Array,
  count: number,
): void {
  const pair = begin / 2;
  encrypt(bits, key, pair, pair / 2 ** 32, Math.ceil(count / 2));
}

/** Encrypts `pairs` counters, of which `low` is counted up, two words each. */
function encrypt(
  target: Uint32Array,
  key: Uint32Array,
  low: number,
  high: number,
  pairs: number,
): void {
  const k0 = (key[0] as number) | 0;
  const k1 = (key[1] as number) | 0;
  const k2 = 0x1bd11bda ^ k0 ^ k1;
  for (let i = 0; i < pairs; i += 1) {
    let a = ((low + i) | 0) + k0;
    let b = ((high | 0) + k1) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 1) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k2) | 0;
    b = (b + k0 + 2) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k0) | 0;
    b = (b + k1 + 3) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 4) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k2) | 0;
    b = (b + k0 + 5) | 0;
    target[2 * i] = a;
    target[2 * i + 1] = b;
  }
}
