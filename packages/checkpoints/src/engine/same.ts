// Tensors that are not merged, such as counters: the output has the bytes of the last checkpoint.
import type { RunState } from './run-state.js';
import type { Placed } from './units.js';

/**
 * Compares the operands of a segment of kind `same` with the last one.
 *
 * @param bytes - the memory they are in
 * @param placed - the segment; addresses are relative to `slot`
 * @param slot - the address of its slot
 * @param state - where tensors that differ are noted
 */
export function compareSame(
  bytes: Uint8Array,
  { segment, addresses, result }: Placed,
  slot: number,
  state: RunState,
): void {
  const last = slot + result;
  for (const address of addresses.slice(0, -1)) {
    const first = slot + address;
    for (let at = 0; at < segment.byteLength; at += 1) {
      if (bytes[first + at] === bytes[last + at]) continue;
      const { name, rest } = state.elementAt(segment, at);
      state.differs(name);
      at += rest - 1;
    }
  }
}
