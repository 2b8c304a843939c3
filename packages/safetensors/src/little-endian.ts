// The machines that this package runs on: elements are copied as they lie in memory, and the format
// is little-endian.
import { PolyakError } from './error.js';

/** Throws `ERR_UNSUPPORTED` on a big-endian machine. */
export function refuseBigEndian(caller: string): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${caller}: this machine is big-endian, only little-endian ones are supported.`,
    );
  }
}
