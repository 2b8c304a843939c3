// Two arrays exchange their bytes, so that each holds what the other held: no arithmetic, no conversion, every NaN as it
// was.
import type { HostArray } from '@polyak/core';
import { bytesOf } from './bytes.js';

// Small enough to stay in cache while it is moved three times.
const CHUNK = 65_536;

/**
 * Exchanges the contents of two arrays of the same length and type.
 *
 * @param first - one
 * @param second - the other; may be the same
 */
export function exchange(first: HostArray, second: HostArray): void {
  const a = bytesOf(first);
  const b = bytesOf(second);
  const spare = new Uint8Array(Math.min(CHUNK, a.length));
  for (let start = 0; start < a.length; start += CHUNK) {
    const fromA = a.subarray(start, start + CHUNK);
    const fromB = b.subarray(start, start + CHUNK);
    const kept = spare.subarray(0, fromA.length);
    kept.set(fromA);
    fromA.set(fromB);
    fromB.set(kept);
  }
}
