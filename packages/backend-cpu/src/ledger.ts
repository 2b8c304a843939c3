// Which tensors the backend has made and not yet disposed of. Kept by typed array and not by tensor, so that a copy of
// the record `{ dtype, shape, data }` is the same tensor.
import { formatSpec, PolyakError } from '@polyak/core';
import type { HostArray, HostTensor } from '@polyak/core';

/** What the tensors that a CPU backend has made, and that are not disposed of, amount to. */
export interface CpuMemory {
  /** How many there are. */
  readonly tensors: number;
  /** Of their elements; what the backend keeps for later tensors is not counted. */
  readonly bytes: number;
}

/** The tensors of one backend. */
export class Ledger {
  // Weak: arrays that were disposed of stay known as such for as long as anyone can pass them in.
  readonly #isLive = new WeakMap<HostArray, boolean>();
  #tensors = 0;
  #bytes = 0;

  /** What is live now. */
  get memory(): CpuMemory {
    return { tensors: this.#tensors, bytes: this.#bytes };
  }

  /**
   * Notes a new tensor.
   *
   * @param data - its elements
   */
  add(data: HostArray): void {
    this.#isLive.set(data, true);
    this.#tensors += 1;
    this.#bytes += data.byteLength;
  }

  /**
   * Notes the end of a tensor.
   *
   * @param data - elements for which {@link Ledger.has} is true
   */
  remove(data: HostArray): void {
    this.#isLive.set(data, false);
    this.#tensors -= 1;
    this.#bytes -= data.byteLength;
  }

  /**
   * Whether the backend made this tensor and has not disposed of it.
   *
   * @param data - its elements
   */
  has(data: HostArray): boolean {
    return this.#isLive.get(data) === true;
  }

  /**
   * Refuses a tensor that was disposed of.
   *
   * @param call - the method, for the message
   * @param tensor - of this backend or of anyone else
   * @throws PolyakError `ERR_DISPOSED`
   */
  requireLive(call: string, tensor: HostTensor): void {
    if (this.#isLive.get(tensor.data) === false) {
      throw disposed(call, tensor);
    }
  }
}

/**
 * The error for a tensor that was disposed of.
 *
 * @param call - the method, for the message
 * @param tensor - the tensor
 * @returns the error, to be thrown
 */
export function disposed(call: string, tensor: HostTensor): PolyakError {
  return new PolyakError(
    'ERR_DISPOSED',
    `${call}: this ${formatSpec(tensor)} was disposed of. Use a tensor before it is disposed of, ` +
      'and dispose of it once.',
  );
}
